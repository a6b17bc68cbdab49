/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * libvfiowc: slices for other processes.
 *
 * One process, the broker, owns the VFIO device. Others, its clients, ask for slices over a Unix
 * socket and get a dma-buf fd each (SCM_RIGHTS), with its size, memory type and steering tags. With
 * that fd a client can map, register and close, and nothing else: only the device fd commands, and
 * the broker can take each slice back at any time (vfiowc_revoke()).
 *
 * The socket is of type SOCK_SEQPACKET: a message arrives whole or not at all, and the end of a peer
 * is seen. Nothing that a peer sends is believed before it was checked, and fds that were not asked
 * for are closed, so neither side can fill the other's table of fds. SO_PASSCRED and its kin must
 * be off; who the peer is tells SO_PEERCRED.
 */
#ifndef INFINIBAND_VFIOWC_SHARE_H
#define INFINIBAND_VFIOWC_SHARE_H

#include <infiniband/vfiowc.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct vfiowc_slice_request - what a client wants
 * @comp_mask: 0
 * @length: bytes, not 0
 * @mem_type: enum vfiowc_mem_type, NC or WC
 * @reserved: 0
 */
struct vfiowc_slice_request {
	uint64_t comp_mask;
	uint64_t length;
	uint32_t mem_type;
	uint32_t reserved;
};

/**
 * vfiowc_send_request - a client asks its broker for a slice
 * @socket_fd: connected Unix socket of type SOCK_SEQPACKET; stays the caller's
 * @request: what is wanted
 * @inlen: sizeof(*request)
 *
 * The answer comes with vfiowc_receive_slice().
 *
 * Return: 0; EINVAL @request is malformed; EPROTOTYPE another type of socket; ENOTSOCK; EBADF; EPIPE
 * the broker is gone; EAGAIN the socket does not wait and is full; what sendmsg(2) says.
 */
int vfiowc_send_request(int socket_fd, const struct vfiowc_slice_request *request, uint32_t inlen);

/**
 * vfiowc_receive_request - a broker takes a client's next request
 * @socket_fd: as above
 * @request: receives it, checked: a length, and a type that has a name
 * @inlen: sizeof(*request)
 *
 * Fds that come along never enter this process. After EPROTO and EPROTONOSUPPORT the peer does not
 * speak this protocol: close the socket.
 *
 * Return: 0; EINVAL @inlen too small; EPROTOTYPE another type of socket; ENOTSOCK; EBADF; ECONNRESET
 * the client is gone; EPROTO not a request, too short, too long, with fds, or any on a socket with
 * SO_PASSCRED, SO_PASSPIDFD or SO_PASSSEC; EPROTONOSUPPORT of another version; EAGAIN the socket does
 * not wait and has none; EINTR; what recvmsg(2) says.
 */
int vfiowc_receive_request(int socket_fd, struct vfiowc_slice_request *request, uint32_t inlen);

/**
 * vfiowc_send_slice - hand a slice to a client
 * @socket_fd: as above
 * @buf: a dma-buf of this process's device; stays the caller's, and can be revoked by it
 *
 * Says what the kernel says at this moment of its size, memory type and tags. Never waits for the client.
 *
 * Return: 0; EOPNOTSUPP @buf was imported without its device; EBADFD revoked for good; EPROTOTYPE
 * another type of socket; ENOTSOCK; EBADF; EPIPE the client is gone; EAGAIN it does not take its
 * messages; ETOOMANYREFS too many fds of this user are on their way; ENODEV the device is gone.
 */
int vfiowc_send_slice(int socket_fd, struct vfiowc_buf *buf);

/**
 * vfiowc_refuse_request - say why there is no slice
 * @socket_fd: as above
 * @error: the errno that vfiowc_receive_slice() will give, 1 to 4095
 *
 * Never waits for the client.
 *
 * Return: 0; EINVAL @error; else as vfiowc_send_slice().
 */
int vfiowc_refuse_request(int socket_fd, int error);

/**
 * struct vfiowc_slice_attr - what a broker says of a slice
 * @comp_mask: 0 today
 * @size_bytes: of the dma-buf; compared with what the kernel says
 * @mem_type: enum vfiowc_mem_type that mappings asked for when the slice was sent
 * @reserved: 0
 * @tph: the tags published on it then; flags 0 when there were none. An importer reads them itself
 */
struct vfiowc_slice_attr {
	uint64_t comp_mask;
	uint64_t size_bytes;
	uint32_t mem_type;
	uint32_t reserved;
	struct vfiowc_tph tph;
};

/**
 * vfiowc_receive_slice - take the answer to a request
 * @socket_fd: as above
 * @attr: receives what the broker says of it; or NULL
 * @inlen: sizeof(*attr); ignored without @attr
 *
 * Waits if the socket does. The slice is as from vfiowc_import() without a device, but its memory
 * type is known: mappings of two types are told apart (O11) and can be checked.
 *
 * Return: the slice, or NULL with errno: EINVAL @inlen too small; EPROTOTYPE another type of
 * socket; ENOTSOCK; EBADF; ECONNRESET the broker is gone; EPROTO the answer is malformed, comes
 * without or with more than one fd, its size is not the dma-buf's, or any slice on a socket with
 * SO_PASSCRED, SO_PASSPIDFD or SO_PASSSEC; EPROTONOSUPPORT of another version; EMFILE no room for the fd,
 * or a security module refuses it to this process; ENOMEM; EAGAIN; EINTR; what vfiowc_refuse_request() was
 * told; what recvmsg(2) says.
 */
struct vfiowc_buf *vfiowc_receive_slice(int socket_fd, struct vfiowc_slice_attr *attr,
					uint32_t inlen);

#ifdef __cplusplus
}
#endif

#endif /* INFINIBAND_VFIOWC_SHARE_H */
