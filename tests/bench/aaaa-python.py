#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""aaaa-python.py QUEUE: a responder as it was written in 2016, to compare nsctl-aaaa with.

Every DNS query comes to Python; dnslib (Debian: python3-dnslib) takes it apart, and where it asks
for AAAA, puts the answer together; that leaves on a raw socket and the query is dropped. The queue
is the module netfilterqueue's where that is installed, else libnetfilter_queue's over ctypes.
"""
import ctypes
import socket
import struct
import sys

import dnslib

DROP, ACCEPT = 0, 1
RAW = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = 0
    for i in range(0, len(data), 2):
        total += (data[i] << 8) + data[i + 1]
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def build_packet(source, target, sport, dport, payload):
    length = 8 + len(payload)
    pseudo = source + target + struct.pack("!BBH", 0, socket.IPPROTO_UDP, length)
    udp = struct.pack("!HHHH", sport, dport, length, 0)
    udp = struct.pack("!HHHH", sport, dport, length, checksum(pseudo + udp + payload))
    fields = (0x45, 0, 20 + length, 0, 0, 64, socket.IPPROTO_UDP)
    ip = struct.pack("!BBHHHBBH4s4s", *fields, 0, source, target)
    ip = struct.pack("!BBHHHBBH4s4s", *fields, checksum(ip), source, target)
    return ip + udp + payload


def handle(packet):
    """The verdict on a packet, of IPv4 and UDP; its answer is sent."""
    head = (packet[0] & 15) * 4
    source, target = packet[12:16], packet[16:20]
    sport, dport = struct.unpack("!HH", packet[head:head + 4])
    query = dnslib.DNSRecord.parse(packet[head + 8:])
    if query.q.qtype != dnslib.QTYPE.AAAA:
        return ACCEPT
    answer = query.reply(aa=0)
    for record in query.ar:
        if record.rtype == dnslib.QTYPE.OPT:
            answer.add_ar(dnslib.EDNS0(udp_len=1232))
    packet = build_packet(target, source, dport, sport, answer.pack())
    RAW.sendto(packet, (socket.inet_ntoa(source), 0))
    return DROP


def run_module(module, number):
    def callback(packet):
        if handle(packet.get_payload()) == DROP:
            packet.drop()
        else:
            packet.accept()

    queue = module.NetfilterQueue()
    queue.bind(number, callback, 4096)
    print("ready netfilterqueue", flush=True)
    queue.run()


class Header(ctypes.BigEndianStructure):
    """struct nfqnl_msg_packet_hdr"""
    _pack_ = 1
    _fields_ = [("id", ctypes.c_uint32), ("protocol", ctypes.c_uint16), ("hook", ctypes.c_uint8)]


def run_ctypes(number):
    library = ctypes.CDLL("libnetfilter_queue.so.1")
    pointer = ctypes.c_void_p
    function = ctypes.CFUNCTYPE(ctypes.c_int, pointer, pointer, pointer, pointer)
    for name in ("nfq_open", "nfq_create_queue"):
        getattr(library, name).restype = pointer
    library.nfq_get_msg_packet_hdr.restype = ctypes.POINTER(Header)
    library.nfq_get_msg_packet_hdr.argtypes = [pointer]
    library.nfq_get_payload.argtypes = [pointer, ctypes.POINTER(pointer)]
    library.nfq_create_queue.argtypes = [pointer, ctypes.c_uint16, function, pointer]
    library.nfq_set_mode.argtypes = [pointer, ctypes.c_uint8, ctypes.c_uint32]
    library.nfq_set_queue_maxlen.argtypes = [pointer, ctypes.c_uint32]
    library.nfq_fd.argtypes = [pointer]
    library.nfq_handle_packet.argtypes = [pointer, ctypes.c_char_p, ctypes.c_int]
    library.nfq_set_verdict.argtypes = [pointer, ctypes.c_uint32, ctypes.c_uint32, ctypes.c_uint32,
                                        pointer]
    payload = pointer()

    def callback(queue, _message, data, _userdata):
        number = library.nfq_get_msg_packet_hdr(data).contents.id
        length = library.nfq_get_payload(data, ctypes.byref(payload))
        verdict = handle(ctypes.string_at(payload, length))
        return library.nfq_set_verdict(queue, number, verdict, 0, None)

    kept = function(callback)
    handle_ = library.nfq_open()
    queue = library.nfq_create_queue(handle_, number, kept, None) if handle_ else None
    if not queue or library.nfq_set_mode(queue, 2, 0xffff) < 0:
        sys.exit("aaaa-python.py: can't bind the queue")
    library.nfq_set_queue_maxlen(queue, 4096)
    incoming = socket.socket(fileno=library.nfq_fd(handle_))
    incoming.setsockopt(270, 5, 1)  # SOL_NETLINK, NETLINK_NO_ENOBUFS
    print("ready ctypes", flush=True)
    while True:
        message = incoming.recv(4096)
        library.nfq_handle_packet(handle_, message, len(message))


def main():
    number = int(sys.argv[1])
    try:
        import netfilterqueue  # pylint: disable=import-outside-toplevel
    except ImportError:
        run_ctypes(number)
    else:
        run_module(netfilterqueue, number)


main()
