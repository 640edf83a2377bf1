/*
 * Lets OpenIKED run on a kernel without PF_KEY (RFC 2367), as if its SAs were in the kernel.
 *
 * Preloaded into the daemon, this library answers on the PF_KEY socket itself:
 *   - a registration, a policy, an SA that is added, updated or deleted: consent,
 *   - SADB_GETSPI: an SPI that was not given out before,
 *   - SADB_GET: the SA, if it is there, as used just now,
 *   - at the soft and the hard limit of an SA's life: SADB_EXPIRE.
 * Beyond that it consents to IPsec policies of sockets, and is more patient than the daemon, which waits one
 * millisecond for an answer. Nothing is encrypted: it serves to watch IKE, not to carry traffic.
 *
 *   gcc -shared -fPIC -O1 -o pfkeyfake.so pfkeyfake.c -ldl -lpthread
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/pfkeyv2.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define UNIT 8
#define MOST_SAS 1024
#define FIRST_SPI 0x1000
#define DAEMON_PATIENCE_MS 1
#define PATIENCE_MS 1000
#define TICK_MS 100

struct sa {
	uint32_t spi;
	uint8_t type;
	bool there, softly_expired;
	time_t added;
	uint64_t soft, hard;
};

struct message {
	struct sadb_msg header;
	uint64_t extensions[1024];
};

static struct sa sas[MOST_SAS];

static struct sa *find(uint32_t spi)
{
	for (struct sa *each = sas; each < sas + MOST_SAS; each++)
		if (each->there && each->spi == spi)
			return each;
	return NULL;
}

static void *extension(struct message *from, uint16_t type)
{
	uint64_t *end = (uint64_t *)&from->header + from->header.sadb_msg_len;

	for (uint64_t *at = from->extensions; at < end;) {
		struct sadb_ext *each = (struct sadb_ext *)at;
		if (each->sadb_ext_type == type)
			return each;
		if (!each->sadb_ext_len)
			break;
		at += each->sadb_ext_len;
	}
	return NULL;
}

/* Room for one more extension at the end of a message that has space for it. */
static void *append(struct message *to, uint16_t type, size_t length)
{
	struct sadb_ext *added = (void *)((uint64_t *)&to->header + to->header.sadb_msg_len);

	memset(added, 0, length);
	added->sadb_ext_len = length / UNIT;
	added->sadb_ext_type = type;
	to->header.sadb_msg_len += length / UNIT;
	return added;
}

static void append_sa(struct message *to, uint32_t spi, uint8_t state)
{
	struct sadb_sa *added = append(to, SADB_EXT_SA, sizeof(*added));

	added->sadb_sa_spi = spi;
	added->sadb_sa_state = state;
}

static void send_message(int descriptor, struct message *which)
{
	send(descriptor, which, which->header.sadb_msg_len * UNIT, MSG_NOSIGNAL);
}

/* --- what the daemon asks for --------------------------------------------------------------------------- */

static void keep(struct message *asked, time_t now)
{
	struct sadb_sa *sa = extension(asked, SADB_EXT_SA);
	struct sadb_lifetime *soft = extension(asked, SADB_EXT_LIFETIME_SOFT);
	struct sadb_lifetime *hard = extension(asked, SADB_EXT_LIFETIME_HARD);
	struct sa *place = sas;

	while (place < sas + MOST_SAS && place->there)
		place++;
	if (!sa || place == sas + MOST_SAS)
		return;
	*place = (struct sa){
		.spi = sa->sadb_sa_spi,
		.type = asked->header.sadb_msg_satype,
		.there = true,
		.added = now,
		.soft = soft ? soft->sadb_lifetime_addtime : 0,
		.hard = hard ? hard->sadb_lifetime_addtime : 0,
	};
}

static void remove_sa(struct message *asked)
{
	struct sadb_sa *sa = extension(asked, SADB_EXT_SA);
	struct sa *found = sa ? find(sa->sadb_sa_spi) : NULL;

	if (found)
		found->there = false;
}

static void tell(struct message *asked, struct message *answer, time_t now)
{
	struct sadb_sa *sa = extension(asked, SADB_EXT_SA);
	struct sa *found = sa ? find(sa->sadb_sa_spi) : NULL;
	struct sadb_lifetime *current;

	if (!found) {
		answer->header.sadb_msg_errno = ESRCH;
		return;
	}
	append_sa(answer, found->spi, SADB_SASTATE_MATURE);
	current = append(answer, SADB_EXT_LIFETIME_CURRENT, sizeof(*current));
	current->sadb_lifetime_addtime = found->added;
	current->sadb_lifetime_usetime = now;
}

static void answer(int descriptor, struct message *asked, time_t now)
{
	static uint32_t last_spi = FIRST_SPI;
	struct message answer = {.header = asked->header};

	answer.header.sadb_msg_len = sizeof(answer.header) / UNIT;
	answer.header.sadb_msg_errno = 0;
	switch (asked->header.sadb_msg_type) {
	case SADB_GETSPI:
		append_sa(&answer, htonl(++last_spi), SADB_SASTATE_LARVAL);
		break;
	case SADB_ADD:
	case SADB_UPDATE:
		keep(asked, now);
		break;
	case SADB_DELETE:
		remove_sa(asked);
		break;
	case SADB_FLUSH:
		memset(sas, 0, sizeof(sas));
		break;
	case SADB_GET:
		tell(asked, &answer, now);
		break;
	}
	send_message(descriptor, &answer);
}

/* --- what the kernel would say by itself ---------------------------------------------------------------- */

static void expire(int descriptor, struct sa *which, uint16_t limit)
{
	struct message told = {
		.header = {
			.sadb_msg_version = PF_KEY_V2,
			.sadb_msg_type = SADB_EXPIRE,
			.sadb_msg_satype = which->type,
			.sadb_msg_len = sizeof(told.header) / UNIT,
		},
	};

	append_sa(&told, which->spi, limit == SADB_EXT_LIFETIME_HARD ? SADB_SASTATE_DEAD : SADB_SASTATE_DYING);
	append(&told, SADB_EXT_LIFETIME_CURRENT, sizeof(struct sadb_lifetime));
	append(&told, limit, sizeof(struct sadb_lifetime));
	send_message(descriptor, &told);
}

static void expire_what_is_due(int descriptor, time_t now)
{
	for (struct sa *each = sas; each < sas + MOST_SAS; each++) {
		if (!each->there)
			continue;
		if (each->hard && now >= each->added + (time_t)each->hard) {
			each->there = false;
			expire(descriptor, each, SADB_EXT_LIFETIME_HARD);
		} else if (each->soft && !each->softly_expired && now >= each->added + (time_t)each->soft) {
			each->softly_expired = true;
			expire(descriptor, each, SADB_EXT_LIFETIME_SOFT);
		}
	}
}

static void *serve(void *given)
{
	int descriptor = (int)(intptr_t)given;
	struct pollfd waited = {.fd = descriptor, .events = POLLIN};
	struct message asked;

	for (;;) {
		NEXT(poll)(&waited, 1, TICK_MS);
		expire_what_is_due(descriptor, time(NULL));
		if (!waited.revents)
			continue;
		ssize_t length = recv(descriptor, &asked, sizeof(asked), 0);
		if (length <= 0)
			break;
		if (length >= (ssize_t)sizeof(asked.header) && asked.header.sadb_msg_len * UNIT == length)
			answer(descriptor, &asked, time(NULL));
	}
	close(descriptor);
	return NULL;
}

/* --- what is preloaded ---------------------------------------------------------------------------------- */

int socket(int domain, int type, int protocol)
{
	sigset_t all, before;
	pthread_t server;
	int ends[2];

	if (domain != AF_KEY)
		return NEXT(socket)(domain, type, protocol);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		return -1;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	errno = pthread_create(&server, NULL, serve, (void *)(intptr_t)ends[1]);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return errno ? -1 : ends[0];
}

int setsockopt(int descriptor, int level, int option, const void *value, socklen_t length)
{
	if ((level == IPPROTO_IP && option == IP_IPSEC_POLICY) ||
	    (level == IPPROTO_IPV6 && option == IPV6_IPSEC_POLICY))
		return 0;
	return NEXT(setsockopt)(descriptor, level, option, value, length);
}

int poll(struct pollfd *which, nfds_t count, int patience)
{
	return NEXT(poll)(which, count, count == 1 && patience == DAEMON_PATIENCE_MS ? PATIENCE_MS : patience);
}

/* The name under which hardened builds call the same function. */

int __poll_chk(struct pollfd *which, nfds_t count, int patience, size_t known)
{
	(void)known;
	return poll(which, count, patience);
}
