/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The floor of the lifecycle bench: the kernel objects of N profiles, made and removed by one
 * process with neither daemon, client, profile parser, checks, record nor roll-back.
 *
 *     floor up|down COUNT        profiles p1 … pCOUNT, from nothing, and back to nothing
 *
 * It stands on libmnl and libnftnl alone and shares no line with src/: what it costs is what the
 * kernel costs. It expects the private world of tests/bench/lifecycle, and any error ends it.
 * What is made is what tests/bench/by-hand makes; lifecycle compares the two.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/nsfs.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "floor.h"

#ifndef NS_GET_MNTNS_ID
#define NS_GET_MNTNS_ID _IOR(NSIO, 0x5, uint64_t)
#endif

static const char *const sysctls[][2] = {
	{ "/proc/sys/net/ipv4/conf/all/accept_redirects", "0" },
	{ "/proc/sys/net/ipv4/conf/default/accept_redirects", "0" },
	{ "/proc/sys/net/ipv6/conf/all/disable_ipv6", "1" },
	{ "/proc/sys/net/ipv6/conf/default/disable_ipv6", "1" },
	{ "/proc/sys/net/ipv6/conf/all/accept_ra", "0" },
	{ "/proc/sys/net/ipv6/conf/default/accept_ra", "0" },
};

struct floor {
	struct mnl_socket *host; /* rtnetlink in the host's namespace */
	int host_net, host_mnt;
};

_Noreturn void die(const char *format, ...)
{
	int error = errno;
	va_list ap;

	fputs("floor: ", stderr);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fprintf(stderr, ": %s\n", strerror(error));
	exit(1);
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		die("can't write %s", path);
	close(fd);
}

static void bind_fd(int fd, const char *target)
{
	char source[32];

	snprintf(source, sizeof(source), "/proc/self/fd/%d", fd);
	if (mount(source, target, NULL, MS_BIND, NULL) < 0)
		die("can't bind %s", target);
}

static void make_directory(const char *path)
{
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		die("can't make %s", path);
}

/* /run/netns as iproute2 has it, and a private mount for the pins of mount namespaces. */
static void prepare_directories(void)
{
	make_directory("/run/netns");
	if (mount("/run/netns", "/run/netns", NULL, MS_BIND | MS_REC, NULL) < 0 ||
	    mount("", "/run/netns", NULL, MS_PRIVATE | MS_REC, NULL) < 0 ||
	    mount("", "/run/netns", NULL, MS_SHARED | MS_REC, NULL) < 0)
		die("can't prepare /run/netns");
	make_directory(FLOOR_RUN);
	make_directory(FLOOR_RUN "/ns");
	if (mount(FLOOR_RUN "/ns", FLOOR_RUN "/ns", NULL, MS_BIND, NULL) < 0 ||
	    mount("", FLOOR_RUN "/ns", NULL, MS_PRIVATE, NULL) < 0)
		die("can't prepare /run/nsctl/ns");
}

/* Unshares the mount namespace; returns it open. Linux gives out the ids of namespaces in batches,
 * one for each CPU, and lets a mount namespace be pinned only in one of a smaller id: in a world
 * that is itself such a namespace it depends on the CPU, and one CPU always does. */
static int unshare_mounts(const struct floor *floor)
{
	uint64_t ours, theirs;

	if (ioctl(floor->host_mnt, NS_GET_MNTNS_ID, &ours) < 0)
		ours = 0;
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		int fd = unshare(CLONE_NEWNS) < 0 ? -1
						  : open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
		cpu_set_t set;

		if (fd < 0)
			break;
		if (ours == 0 || ioctl(fd, NS_GET_MNTNS_ID, &theirs) < 0 || theirs > ours)
			return fd;
		close(fd);
		CPU_ZERO(&set);
		CPU_SET(cpu, &set);
		if (setns(floor->host_mnt, CLONE_NEWNS) < 0 ||
		    sched_setaffinity(0, sizeof(set), &set) < 0)
			break;
	}
	die("can't make a mount namespace");
}

/* /sys of the new network, with the control groups that were mounted in the old one. */
static void renew_sys(void)
{
	int cgroup = open_tree(AT_FDCWD, "/sys/fs/cgroup",
			       OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);

	if (umount2("/sys", MNT_DETACH) < 0 ||
	    mount("sysfs", "/sys", "sysfs", MS_RELATIME, NULL) < 0 ||
	    move_mount(cgroup, "", AT_FDCWD, "/sys/fs/cgroup", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		die("can't renew /sys");
	close(cgroup);
}

/* Makes both namespaces, fills the mount namespace and pins the two. The caller is in the new
 * network namespace and the host's mount namespace afterwards. */
static int make_namespaces(struct floor *floor, unsigned number)
{
	char directory[64], path[96], resolv[96];
	int mnt, net;

	snprintf(directory, sizeof(directory), FLOOR_RUN "/ns/p%u", number);
	make_directory(directory);
	snprintf(resolv, sizeof(resolv), "%s/etc", directory);
	make_directory(resolv);
	snprintf(resolv, sizeof(resolv), "%s/etc/resolv.conf", directory);
	write_file(resolv, "nameserver 192.0.2.53\n");

	if (unshare(CLONE_NEWNET) < 0)
		die("can't make a network namespace");
	net = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	mnt = unshare_mounts(floor);
	if (net < 0 || mount("", "/", NULL, MS_SLAVE | MS_REC, NULL) < 0 ||
	    umount2("/run/netns", MNT_DETACH) < 0)
		die("can't fill the mount namespace of p%u", number);
	renew_sys();
	if (mount(resolv, "/etc/resolv.conf", NULL, MS_BIND, NULL) < 0)
		die("can't mount resolv.conf");
	for (size_t i = 0; i < sizeof(sysctls) / sizeof(sysctls[0]); i++)
		write_file(sysctls[i][0], sysctls[i][1]);

	if (setns(floor->host_mnt, CLONE_NEWNS) < 0)
		die("can't go back");
	snprintf(path, sizeof(path), "/run/netns/p%u", number);
	close(open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0));
	bind_fd(net, path);
	snprintf(path, sizeof(path), "%s/mnt", directory);
	close(open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0));
	bind_fd(mnt, path);
	close(mnt);
	return net;
}

/* A link message by name, to be filled and ended by the caller. */
static struct nlmsghdr *add_link(struct batch *batch, uint16_t flags, const char *name)
{
	struct nlmsghdr *message = batch_add(batch, RTM_NEWLINK, flags);

	mnl_nlmsg_put_extra_header(message, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(message, IFLA_IFNAME, name);
	return message;
}

/* IPv6 gives the link no address by itself. */
static void put_no_addresses(struct nlmsghdr *message)
{
	struct nlattr *families = mnl_attr_nest_start(message, IFLA_AF_SPEC);
	struct nlattr *inet6 = mnl_attr_nest_start(message, AF_INET6);

	mnl_attr_put_u8(message, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	mnl_attr_nest_end(message, inet6);
	mnl_attr_nest_end(message, families);
}

static void set_up(struct batch *batch, const char *name)
{
	struct nlmsghdr *message = add_link(batch, 0, name);
	struct ifinfomsg *link = mnl_nlmsg_get_payload(message);

	link->ifi_flags = link->ifi_change = IFF_UP;
	batch_end(batch);
}

static void add_address(struct batch *batch, unsigned index, uint32_t address)
{
	struct nlmsghdr *message = batch_add(batch, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
	struct ifaddrmsg *header = mnl_nlmsg_put_extra_header(message, sizeof(*header));

	header->ifa_family = AF_INET;
	header->ifa_prefixlen = FLOOR_PREFIX;
	header->ifa_index = index;
	mnl_attr_put_u32(message, IFA_LOCAL, address);
	mnl_attr_put_u32(message, IFA_ADDRESS, address);
	mnl_attr_put_u32(message, IFA_BROADCAST, address | htonl(0xff));
}

static unsigned index_of(struct mnl_socket *socket, const char *name)
{
	struct ifreq request = {};

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (ioctl(mnl_socket_get_fd(socket), SIOCGIFINDEX, &request) < 0)
		die("no link %s", name);
	return (unsigned)request.ifr_ifindex;
}

static unsigned make_bridge(struct floor *floor)
{
	struct batch batch = {};
	struct nlmsghdr *message = add_link(&batch, NLM_F_CREATE | NLM_F_EXCL, FLOOR_BRIDGE);
	const uint8_t mac[6] = {
		2, 0, 0, 0, 0, 1
	}; /* given, so that it stays when ports come and go */
	struct nlattr *info;
	unsigned index;

	mnl_attr_put(message, IFLA_ADDRESS, sizeof(mac), mac);
	info = mnl_attr_nest_start(message, IFLA_LINKINFO);
	mnl_attr_put_str(message, IFLA_INFO_KIND, "bridge");
	mnl_attr_nest_end(message, info);
	batch_end(&batch);
	put_no_addresses(add_link(&batch, 0, FLOOR_BRIDGE));
	batch_end(&batch);
	set_up(&batch, FLOOR_BRIDGE);
	batch_send(&batch, floor->host);

	index = index_of(floor->host, FLOOR_BRIDGE);
	add_address(&batch, index, htonl(FLOOR_NETWORK + 1));
	batch_end(&batch);
	batch_send(&batch, floor->host);
	return index;
}

/* The veth with its peer made in its namespace, our end an isolated port and up: one round trip. */
static void make_veth(struct floor *floor, unsigned number, int net, unsigned bridge)
{
	struct batch batch = {};
	struct nlmsghdr *message;
	struct nlattr *info, *data, *peer;
	char name[IF_NAMESIZE];

	snprintf(name, sizeof(name), "ns-p%u", number);
	message = add_link(&batch, NLM_F_CREATE | NLM_F_EXCL, name);
	mnl_attr_put_u32(message, IFLA_MASTER, bridge);
	info = mnl_attr_nest_start(message, IFLA_LINKINFO);
	mnl_attr_put_str(message, IFLA_INFO_KIND, "veth");
	data = mnl_attr_nest_start(message, IFLA_INFO_DATA);
	peer = mnl_attr_nest_start(message, VETH_INFO_PEER);
	mnl_nlmsg_put_extra_header(message, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(message, IFLA_IFNAME, "eth0");
	mnl_attr_put_u32(message, IFLA_NET_NS_FD, (uint32_t)net);
	mnl_attr_nest_end(message, peer);
	mnl_attr_nest_end(message, data);
	mnl_attr_nest_end(message, info);
	batch_end(&batch);

	message = add_link(&batch, 0, name);
	put_no_addresses(message);
	info = mnl_attr_nest_start(message, IFLA_LINKINFO);
	mnl_attr_put_str(message, IFLA_INFO_SLAVE_KIND, "bridge");
	data = mnl_attr_nest_start(message, IFLA_INFO_SLAVE_DATA);
	mnl_attr_put_u8(message, IFLA_BRPORT_ISOLATED, 1);
	mnl_attr_nest_end(message, data);
	mnl_attr_nest_end(message, info);
	batch_end(&batch);
	set_up(&batch, name);
	batch_send(&batch, floor->host);
}

/* Runs in the profile's namespace: loopback, address and default route. */
static void make_inside(unsigned number)
{
	struct mnl_socket *inside = rtnl_open(0);
	struct batch batch = {};
	struct nlmsghdr *message;
	struct rtmsg *route;

	set_up(&batch, "lo");
	set_up(&batch, "eth0");
	add_address(&batch, index_of(inside, "eth0"), htonl(FLOOR_NETWORK + 1 + number));
	batch_end(&batch);
	message = batch_add(&batch, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL);
	route = mnl_nlmsg_put_extra_header(message, sizeof(*route));
	*route = (struct rtmsg){ .rtm_family = AF_INET,
				 .rtm_table = RT_TABLE_MAIN,
				 .rtm_protocol = RTPROT_STATIC,
				 .rtm_scope = RT_SCOPE_UNIVERSE,
				 .rtm_type = RTN_UNICAST };
	mnl_attr_put_u32(message, RTA_GATEWAY, htonl(FLOOR_NETWORK + 1));
	batch_end(&batch);
	batch_send(&batch, inside);
	mnl_socket_close(inside);
}

static void up(struct floor *floor, unsigned count)
{
	unsigned bridge;

	prepare_directories();
	bridge = make_bridge(floor);
	nft_up(count);
	write_file("/proc/sys/net/ipv4/ip_forward", "1");
	for (unsigned i = 1; i <= count; i++) {
		int net = make_namespaces(floor, i);

		make_veth(floor, i, net, bridge);
		make_inside(i);
		close(net);
		if (setns(floor->host_net, CLONE_NEWNET) < 0)
			die("can't go back");
	}
}

static void remove_pins(unsigned number)
{
	char path[96];

	snprintf(path, sizeof(path), "/run/netns/p%u", number);
	if (umount2(path, MNT_DETACH) < 0 || unlink(path) < 0)
		die("can't remove %s", path);
	snprintf(path, sizeof(path), FLOOR_RUN "/ns/p%u/mnt", number);
	if (umount2(path, MNT_DETACH) < 0 || unlink(path) < 0)
		die("can't remove %s", path);
	snprintf(path, sizeof(path), FLOOR_RUN "/ns/p%u/etc/resolv.conf", number);
	unlink(path);
	snprintf(path, sizeof(path), FLOOR_RUN "/ns/p%u/etc", number);
	rmdir(path);
	snprintf(path, sizeof(path), FLOOR_RUN "/ns/p%u", number);
	rmdir(path);
}

static void remove_bridge(struct floor *floor)
{
	struct batch batch = {};
	struct nlmsghdr *message = batch_add(&batch, RTM_DELLINK, 0);

	mnl_nlmsg_put_extra_header(message, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(message, IFLA_IFNAME, FLOOR_BRIDGE);
	batch_end(&batch);
	batch_send(&batch, floor->host);
}

/* The last reference to each namespace goes first: the kernel removes the veths in the background,
 * all of them together, while the rest is taken away here. */
static void down(struct floor *floor, unsigned count)
{
	struct mnl_socket *monitor = rtnl_open(RTMGRP_LINK);

	for (unsigned i = 1; i <= count; i++)
		remove_pins(i);
	nft_down();
	write_file("/proc/sys/net/ipv4/ip_forward", "0");
	remove_bridge(floor);
	rtnl_wait_gone(monitor, "ns-p", count);
	if (umount2("/run/netns", MNT_DETACH) < 0 || umount2(FLOOR_RUN "/ns", MNT_DETACH) < 0)
		die("can't unmount");
	if (rmdir("/run/netns") < 0 || rmdir(FLOOR_RUN "/ns") < 0 || rmdir(FLOOR_RUN) < 0)
		die("can't remove the directories");
	mnl_socket_close(monitor);
}

int main(int argc, char **argv)
{
	unsigned count = argc == 3 ? (unsigned)atoi(argv[2]) : 0;
	struct floor floor = { .host = rtnl_open(0) };

	floor.host_net = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	floor.host_mnt = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	if (count >= 1 && count <= FLOOR_MAX && strcmp(argv[1], "up") == 0)
		up(&floor, count);
	else if (count >= 1 && count <= FLOOR_MAX && strcmp(argv[1], "down") == 0)
		down(&floor, count);
	else {
		fputs("usage: floor up|down COUNT\n", stderr);
		return 2;
	}
	return 0;
}
