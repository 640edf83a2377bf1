/*
 * Lets an IKE daemon believe that its SAs are in the kernel, on a kernel that has XFRM but no ESP.
 *
 * Such a kernel gives out SPIs and takes policies, but refuses the SAs themselves. Preloaded into the daemon,
 * this library reads along on its XFRM netlink sockets and
 *   - turns the refusal to add, update or delete an SA into consent,
 *   - answers a query for an SA that the kernel never took, as one that was used just now,
 *   - hides the kernel's notice that a reserved SPI expired: nothing was installed under it, yet the daemon
 *     would take it for the end of its SA.
 * Nothing is encrypted: it serves to watch IKE, not to carry traffic.
 *
 *   gcc -shared -fPIC -O1 -o xfrmfake.so xfrmfake.c -ldl
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <linux/netlink.h>
#include <linux/xfrm.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define MOST_DESCRIPTORS 4096
#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static bool watched[MOST_DESCRIPTORS];

static bool is_watched(int descriptor)
{
	return descriptor >= 0 && descriptor < MOST_DESCRIPTORS && watched[descriptor];
}

/* An error that answers a query becomes the SA that was asked for; its new length, or 0 if it is none. */
static ssize_t answer_query(struct nlmsghdr *header, size_t length, size_t room)
{
	struct nlmsgerr *error = NLMSG_DATA(header);
	struct xfrm_usersa_info found = {0};
	struct xfrm_usersa_id asked;

	if (length < NLMSG_LENGTH(sizeof(*error) + sizeof(asked)) || header->nlmsg_type != NLMSG_ERROR)
		return 0;
	if (!error->error || error->msg.nlmsg_type != XFRM_MSG_GETSA || room < NLMSG_LENGTH(sizeof(found)))
		return 0;

	memcpy(&asked, NLMSG_DATA(&error->msg), sizeof(asked));
	found.id.daddr = asked.daddr;
	found.id.spi = asked.spi;
	found.id.proto = asked.proto;
	found.family = asked.family;
	found.curlft.add_time = found.curlft.use_time = time(NULL);
	header->nlmsg_type = XFRM_MSG_NEWSA;
	header->nlmsg_flags = 0;
	header->nlmsg_len = NLMSG_LENGTH(sizeof(found));
	memcpy(NLMSG_DATA(header), &found, sizeof(found));
	return header->nlmsg_len;
}

/* What the daemon is to see instead of `length` octets that came in, with `room` for as many. */
static ssize_t corrected(void *octets, ssize_t length, size_t room)
{
	struct nlmsghdr *header = octets;
	ssize_t answer = length > 0 ? answer_query(header, length, room) : 0;
	int left = length;

	if (answer)
		return answer;
	for (; left > 0 && NLMSG_OK(header, (unsigned)left); header = NLMSG_NEXT(header, left)) {
		if (header->nlmsg_type == XFRM_MSG_EXPIRE)
			header->nlmsg_type = NLMSG_NOOP;
		if (header->nlmsg_type != NLMSG_ERROR)
			continue;
		struct nlmsgerr *error = NLMSG_DATA(header);
		switch (error->msg.nlmsg_type) {
		case XFRM_MSG_NEWSA:
		case XFRM_MSG_UPDSA:
		case XFRM_MSG_DELSA:
		case XFRM_MSG_NEWAE:
		case XFRM_MSG_MIGRATE:
			error->error = 0;
		}
	}
	return length;
}

int socket(int domain, int type, int protocol)
{
	int descriptor = NEXT(socket)(domain, type, protocol);

	if (descriptor >= 0 && descriptor < MOST_DESCRIPTORS)
		watched[descriptor] = domain == AF_NETLINK && protocol == NETLINK_XFRM;
	return descriptor;
}

int close(int descriptor)
{
	if (descriptor >= 0 && descriptor < MOST_DESCRIPTORS)
		watched[descriptor] = false;
	return NEXT(close)(descriptor);
}

ssize_t recv(int descriptor, void *octets, size_t room, int flags)
{
	ssize_t length = NEXT(recv)(descriptor, octets, room, flags);

	return is_watched(descriptor) ? corrected(octets, length, room) : length;
}

ssize_t recvfrom(int descriptor, void *octets, size_t room, int flags, struct sockaddr *from, socklen_t *size)
{
	ssize_t length = NEXT(recvfrom)(descriptor, octets, room, flags, from, size);

	return is_watched(descriptor) ? corrected(octets, length, room) : length;
}

ssize_t recvmsg(int descriptor, struct msghdr *message, int flags)
{
	ssize_t length = NEXT(recvmsg)(descriptor, message, flags);

	if (!is_watched(descriptor) || !message->msg_iovlen || length > (ssize_t)message->msg_iov[0].iov_len)
		return length;
	return corrected(message->msg_iov[0].iov_base, length, message->msg_iov[0].iov_len);
}

/* The names under which hardened builds call the same functions. */

ssize_t __recv_chk(int descriptor, void *octets, size_t room, size_t known, int flags)
{
	(void)known;
	return recv(descriptor, octets, room, flags);
}

ssize_t __recvfrom_chk(int descriptor, void *octets, size_t room, size_t known, int flags,
		       struct sockaddr *from, socklen_t *size)
{
	(void)known;
	return recvfrom(descriptor, octets, room, flags, from, size);
}
