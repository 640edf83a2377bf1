/*
 * Lets an IKE daemon use TCP encapsulation (RFC 9329) on a kernel that can't cut its stream into messages.
 *
 * A daemon hands its TCP socket over to the kernel's "espintcp" and from then on sends and receives messages.
 * Preloaded into it, this library consents to that, puts the Length before what is sent, and takes it from what
 * is received, a message at a time. The packets of ESP it leaves to nobody: nothing is encrypted here.
 *
 *   gcc -shared -fPIC -O1 -o espintcpfake.so espintcpfake.c -ldl
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef TCP_ULP
#define TCP_ULP 31
#endif
#define MOST_DESCRIPTORS 4096
#define BIGGEST 65535
#define LENGTH_OCTETS 2
#define PATIENCE_MS 1000
#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static bool cut[MOST_DESCRIPTORS];

static bool is_cut(int descriptor)
{
	return descriptor >= 0 && descriptor < MOST_DESCRIPTORS && cut[descriptor];
}

/* So many octets of a message that has begun; the rest of it is on its way. */
static ssize_t receive_all(int descriptor, unsigned char *octets, size_t wanted)
{
	struct pollfd waited = {.fd = descriptor, .events = POLLIN};
	size_t got = 0;

	while (got < wanted) {
		ssize_t more = NEXT(recv)(descriptor, octets + got, wanted - got, 0);
		if (more == 0 || (more < 0 && poll(&waited, 1, PATIENCE_MS) <= 0))
			break;
		if (more > 0)
			got += more;
	}
	return got;
}

static ssize_t receive_message(int descriptor, void *octets, size_t room)
{
	unsigned char message[BIGGEST];
	uint16_t length;
	ssize_t first = NEXT(recv)(descriptor, &length, 1, MSG_PEEK);

	if (first <= 0)
		return first;
	if (receive_all(descriptor, (unsigned char *)&length, LENGTH_OCTETS) < LENGTH_OCTETS)
		return 0;
	size_t wanted = ntohs(length) - LENGTH_OCTETS;
	if (ntohs(length) < LENGTH_OCTETS || receive_all(descriptor, message, wanted) < (ssize_t)wanted)
		return 0;
	if (wanted > room)
		wanted = room;
	memcpy(octets, message, wanted);
	return wanted;
}

static ssize_t send_message(int descriptor, const void *octets, size_t length)
{
	uint16_t whole = htons(length + LENGTH_OCTETS);
	struct iovec parts[] = {{&whole, LENGTH_OCTETS}, {(void *)octets, length}};
	ssize_t sent = NEXT(writev)(descriptor, parts, 2);

	return sent < LENGTH_OCTETS ? sent : sent - LENGTH_OCTETS;
}

int setsockopt(int descriptor, int level, int option, const void *value, socklen_t length)
{
	if (level != IPPROTO_TCP || option != TCP_ULP || length < 8 || memcmp(value, "espintcp", 8))
		return NEXT(setsockopt)(descriptor, level, option, value, length);
	if (descriptor >= 0 && descriptor < MOST_DESCRIPTORS)
		cut[descriptor] = true;
	return 0;
}

int close(int descriptor)
{
	if (descriptor >= 0 && descriptor < MOST_DESCRIPTORS)
		cut[descriptor] = false;
	return NEXT(close)(descriptor);
}

ssize_t send(int descriptor, const void *octets, size_t length, int flags)
{
	return is_cut(descriptor) ? send_message(descriptor, octets, length)
				  : NEXT(send)(descriptor, octets, length, flags);
}

ssize_t write(int descriptor, const void *octets, size_t length)
{
	return is_cut(descriptor) ? send_message(descriptor, octets, length)
				  : NEXT(write)(descriptor, octets, length);
}

ssize_t recv(int descriptor, void *octets, size_t room, int flags)
{
	return is_cut(descriptor) ? receive_message(descriptor, octets, room)
				  : NEXT(recv)(descriptor, octets, room, flags);
}

ssize_t read(int descriptor, void *octets, size_t room)
{
	return is_cut(descriptor) ? receive_message(descriptor, octets, room)
				  : NEXT(read)(descriptor, octets, room);
}

/* The names under which hardened builds call the same functions. */

ssize_t __recv_chk(int descriptor, void *octets, size_t room, size_t known, int flags)
{
	(void)known;
	return recv(descriptor, octets, room, flags);
}

ssize_t __read_chk(int descriptor, void *octets, size_t room, size_t known)
{
	(void)known;
	return read(descriptor, octets, room);
}
