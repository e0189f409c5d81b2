// Package front stands between a device and its object store, and does to
// their conversation what networks, proxies and servers do.
//
//	device ── Front ── toxiproxy ── store
//
// What happens to bytes on their way (a stall, a trickle, a narrow or slow
// line) is toxiproxy's business; what a server or a proxy says wrongly is a
// [Fault] of this package; who answers at all, and with which certificate, is
// the [Front]'s own. [Forward] is an HTTP proxy as companies have them, and
// [Authority] issues the certificates that nobody should trust, and those that
// somebody should.
//
// # Guarantee
//
// Requests and answers pass unchanged where no fault is set: the name that the
// device asked for reaches the store, since signatures are for it. Every
// request is kept as an [Exchange] with the bytes of its body that were handed
// to the device's connection, so that what was fetched twice is counted where
// it costs. Everything listens on 127.0.0.1 only.
//
// # Not guaranteed
//
// Bytes in the kernel's socket buffers count as sent, although a connection
// that is cut may lose them; the buffers are kept small for that. Whose fault a
// silence is, the network's or the store's, cannot be told from outside, and is
// not told apart here either.
package front
