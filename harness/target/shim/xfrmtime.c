/*
 * Tells an IKE daemon when its SAs expire, on a kernel that never took them.
 *
 * Preloaded before `xfrmfake`, this library reads along on the daemon's XFRM netlink sockets, remembers the SAs
 * that it installs, and when a limit by time is reached puts the kernel's notice (XFRM_MSG_EXPIRE) where the
 * daemon listens for such notices. If EXPIRY_ORDERS names a path, a datagram socket there takes orders: `soft`
 * or `hard` says that the SAs which have such a limit by volume have reached it; `soft*` or `hard*`, those too that
 * have none. One of each pair did so first, as traffic is never the same both ways: that under the lower SPI.
 *
 *   gcc -shared -fPIC -O1 -o xfrmtime.so xfrmtime.c -ldl -lpthread
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <linux/netlink.h>
#include <linux/xfrm.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define MOST_DESCRIPTORS 4096
#define MOST_SAS 4096
#define TICK_MS 50
#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
/* A notice of ours under way: a type that the kernel does not have, so that none of the kernel's is taken for it. */
#define OUR_EXPIRE 0x7ff0

struct remembered {
	bool used, soft_told, hard_told;
	double since;
	struct xfrm_usersa_info sa;
};

static bool watched[MOST_DESCRIPTORS];
static __u32 listener; /* the address of the socket that the daemon hears notices on */
static struct remembered sas[MOST_SAS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t started = PTHREAD_ONCE_INIT;

static bool is_watched(int descriptor)
{
	return descriptor >= 0 && descriptor < MOST_DESCRIPTORS && watched[descriptor];
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

static void tell(int from, const struct xfrm_usersa_info *sa, bool hard)
{
	struct sockaddr_nl to = {.nl_family = AF_NETLINK, .nl_pid = listener};
	struct {
		struct nlmsghdr header;
		struct xfrm_user_expire expire;
	} notice = {.header = {.nlmsg_len = NLMSG_LENGTH(sizeof(notice.expire)), .nlmsg_type = OUR_EXPIRE},
		    .expire = {.state = *sa, .hard = hard}};

	if (listener)
		NEXT(sendto)(from, &notice, notice.header.nlmsg_len, 0, (struct sockaddr *)&to, sizeof(to));
}

/* Whether the other SA of a pair, which has the same reqid, stands under a lower SPI. */
static bool has_lower_twin(const struct remembered *one)
{
	for (const struct remembered *each = sas; each < sas + MOST_SAS; each++)
		if (each->used && each->sa.reqid == one->sa.reqid && each->sa.id.spi < one->sa.id.spi)
			return true;
	return false;
}

static bool by_time(const struct remembered *each, __u64 seconds)
{
	return seconds && now() - each->since >= (double)seconds;
}

static bool by_volume(const struct remembered *each, const char *limit, const char *order, bool limited)
{
	size_t length = strlen(limit);

	if (strncmp(order, limit, length) || has_lower_twin(each))
		return false;
	return limited || order[length] == '*';
}

/* A soft limit by volume that lies behind the hard one is never reached. */
static bool soft_reached(const struct remembered *each, const char *order)
{
	const struct xfrm_lifetime_cfg *limits = &each->sa.lft;
	bool limited = limits->soft_byte_limit < limits->hard_byte_limit ||
		       limits->soft_packet_limit < limits->hard_packet_limit;

	return by_volume(each, "soft", order, limited) || by_time(each, limits->soft_add_expires_seconds);
}

static bool hard_reached(const struct remembered *each, const char *order)
{
	const struct xfrm_lifetime_cfg *limits = &each->sa.lft;
	bool limited = limits->hard_byte_limit != XFRM_INF || limits->hard_packet_limit != XFRM_INF;

	return by_volume(each, "hard", order, limited) || by_time(each, limits->hard_add_expires_seconds);
}

static void tell_due(int from, const char *order)
{
	pthread_mutex_lock(&lock);
	for (struct remembered *each = sas; each < sas + MOST_SAS; each++) {
		if (!each->used)
			continue;
		if (!each->soft_told && soft_reached(each, order)) {
			each->soft_told = true;
			tell(from, &each->sa, false);
		}
		if (!each->hard_told && hard_reached(each, order)) {
			each->hard_told = true;
			tell(from, &each->sa, true);
		}
	}
	pthread_mutex_unlock(&lock);
}

static int open_orders(void)
{
	const char *path = getenv("EXPIRY_ORDERS");
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int orders = NEXT(socket)(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (!path || strlen(path) >= sizeof(at.sun_path))
		return -1;
	strcpy(at.sun_path, path);
	unlink(path);
	NEXT(bind)(orders, (struct sockaddr *)&at, sizeof(at));
	return orders;
}

static void *keep_time(void *orders)
{
	struct pollfd asked = {.fd = (int)(long)orders, .events = POLLIN};
	int from = NEXT(socket)(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_XFRM);

	for (;;) {
		char order[8] = "";

		if (poll(&asked, 1, TICK_MS) > 0)
			NEXT(recv)(asked.fd, order, sizeof(order) - 1, 0);
		tell_due(from, order);
	}
	return NULL;
}

static void start(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, keep_time, (void *)(long)open_orders());
}

static void forget(__be32 spi)
{
	for (struct remembered *each = sas; each < sas + MOST_SAS; each++)
		if (each->used && each->sa.id.spi == spi)
			each->used = false;
}

static void remember(const struct xfrm_usersa_info *sa)
{
	for (struct remembered *each = sas; each < sas + MOST_SAS; each++)
		if (!each->used) {
			*each = (struct remembered){.used = true, .since = now(), .sa = *sa};
			return;
		}
}

/* What the daemon asks of the kernel: an SA that comes, or one that goes. */
static void note(const void *octets, size_t length)
{
	const struct nlmsghdr *header = octets;

	if (length < NLMSG_LENGTH(sizeof(struct xfrm_usersa_id)))
		return;
	pthread_mutex_lock(&lock);
	switch (header->nlmsg_type) {
	case XFRM_MSG_NEWSA:
	case XFRM_MSG_UPDSA:
		if (length >= NLMSG_LENGTH(sizeof(struct xfrm_usersa_info)))
			remember(NLMSG_DATA(header));
		break;
	case XFRM_MSG_DELSA:
		forget(((const struct xfrm_usersa_id *)NLMSG_DATA(header))->spi);
	}
	pthread_mutex_unlock(&lock);
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

int bind(int descriptor, const struct sockaddr *at, socklen_t size)
{
	int done = NEXT(bind)(descriptor, at, size);
	struct sockaddr_nl name;
	socklen_t room = sizeof(name);

	if (!done && is_watched(descriptor) && ((const struct sockaddr_nl *)at)->nl_groups) {
		getsockname(descriptor, (struct sockaddr *)&name, &room);
		listener = name.nl_pid;
		pthread_once(&started, start);
	}
	return done;
}

ssize_t sendto(int descriptor, const void *octets, size_t length, int flags, const struct sockaddr *to,
	       socklen_t size)
{
	if (is_watched(descriptor))
		note(octets, length);
	return NEXT(sendto)(descriptor, octets, length, flags, to, size);
}

ssize_t write(int descriptor, const void *octets, size_t length)
{
	if (is_watched(descriptor))
		note(octets, length);
	return NEXT(write)(descriptor, octets, length);
}

/* Our notices become the kernel's: their type, and the address that they seem to come from. */
ssize_t recvfrom(int descriptor, void *octets, size_t room, int flags, struct sockaddr *from, socklen_t *size)
{
	ssize_t length = NEXT(recvfrom)(descriptor, octets, room, flags, from, size);
	struct nlmsghdr *header = octets;

	if (!is_watched(descriptor) || length < (ssize_t)sizeof(*header) || header->nlmsg_type != OUR_EXPIRE)
		return length;
	header->nlmsg_type = XFRM_MSG_EXPIRE;
	if (from)
		((struct sockaddr_nl *)from)->nl_pid = 0;
	return length;
}

/* The name under which hardened builds call the same function. */
ssize_t __recvfrom_chk(int descriptor, void *octets, size_t room, size_t known, int flags,
		       struct sockaddr *from, socklen_t *size)
{
	(void)known;
	return recvfrom(descriptor, octets, room, flags, from, size);
}
