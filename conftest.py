"""Every case and test of this tree is collected by the harness's own plugin."""

pytest_plugins = ["harness.plugin"]
