"""The bench: links, taps, sockets and the real clock; here scripts are performed and evidence is made."""
