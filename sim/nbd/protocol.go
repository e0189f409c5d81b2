package nbd

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"syscall"
)

// Numbers of the protocol.
const (
	magicInit    = 0x4e42444d41474943 // NBDMAGIC
	magicOption  = 0x49484156454f5054 // IHAVEOPT
	magicAnswer  = 0x3e889045565a9
	magicRequest = 0x25609513
	magicReply   = 0x67446698

	flagFixedNewstyle = 1 << 0
	flagNoZeroes      = 1 << 1

	optionExportName = 1
	optionAbort      = 2
	optionInfo       = 6
	optionGo         = 7

	answerAck         = 1
	answerInfo        = 3
	answerUnsupported = 1<<31 | 1

	transmission = 1<<0 | 1<<2 // has flags, sends FLUSH

	commandRead  = 0
	commandWrite = 1
	commandDisc  = 2
	commandFlush = 3

	maxOption  = 64 << 10
	maxRequest = 64 << 20
)

var errEnd = errors.New("the client is done")

// handshake haggles over options until transmission begins.
func (d *Disk) handshake(conn io.ReadWriter) error {
	hello := binary.BigEndian.AppendUint64(nil, magicInit)
	hello = binary.BigEndian.AppendUint64(hello, magicOption)
	hello = binary.BigEndian.AppendUint16(hello, flagFixedNewstyle|flagNoZeroes)
	if _, err := conn.Write(hello); err != nil {
		return err
	}
	var flags [4]byte
	if _, err := io.ReadFull(conn, flags[:]); err != nil {
		return err
	}
	noZeroes := binary.BigEndian.Uint32(flags[:])&flagNoZeroes != 0
	for {
		begin, err := d.option(conn, noZeroes)
		if begin || err != nil {
			return err
		}
	}
}

// option answers one option and reports whether transmission begins.
func (d *Disk) option(conn io.ReadWriter, noZeroes bool) (begin bool, err error) {
	var head [16]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return false, err
	}
	option, length := binary.BigEndian.Uint32(head[8:]), binary.BigEndian.Uint32(head[12:])
	if binary.BigEndian.Uint64(head[:]) != magicOption || length > maxOption {
		return false, fmt.Errorf("the client does not speak NBD: %x", head)
	}
	if _, err := io.CopyN(io.Discard, conn, int64(length)); err != nil {
		return false, err
	}
	export := binary.BigEndian.AppendUint64(nil, uint64(d.size))
	export = binary.BigEndian.AppendUint16(export, transmission)
	switch option {
	case optionExportName:
		if !noZeroes {
			export = append(export, make([]byte, 124)...)
		}
		_, err := conn.Write(export)
		return true, err
	case optionInfo, optionGo:
		if err := reply(conn, option, answerInfo, append([]byte{0, 0}, export...)); err != nil {
			return false, err
		}
		return option == optionGo, reply(conn, option, answerAck, nil)
	case optionAbort:
		return false, errors.Join(reply(conn, option, answerAck, nil), errEnd)
	}
	return false, reply(conn, option, answerUnsupported, nil)
}

func reply(conn io.Writer, option, kind uint32, data []byte) error {
	b := binary.BigEndian.AppendUint64(nil, magicAnswer)
	b = binary.BigEndian.AppendUint32(b, option)
	b = binary.BigEndian.AppendUint32(b, kind)
	b = binary.BigEndian.AppendUint32(b, uint32(len(data)))
	_, err := conn.Write(append(b, data...))
	return err
}

// serve answers requests one after the other until the client is done.
func (d *Disk) serve(conn io.ReadWriter) error {
	for {
		var head [28]byte
		if _, err := io.ReadFull(conn, head[:]); err != nil {
			return err
		}
		length := binary.BigEndian.Uint32(head[24:])
		if binary.BigEndian.Uint32(head[:]) != magicRequest || length > maxRequest {
			return fmt.Errorf("the client does not speak NBD: %x", head)
		}
		data, errno, err := d.command(conn, binary.BigEndian.Uint16(head[6:]), int64(binary.BigEndian.Uint64(head[16:])), int(length))
		if err != nil {
			return err
		}
		b := binary.BigEndian.AppendUint32(nil, magicReply)
		b = binary.BigEndian.AppendUint32(b, uint32(errno))
		b = append(b, head[8:16]...)
		if errno == 0 {
			b = append(b, data...)
		}
		if _, err := conn.Write(b); err != nil {
			return err
		}
	}
}

// command does one command. Its data go out when there is no errno.
func (d *Disk) command(conn io.Reader, command uint16, off int64, length int) (data []byte, errno syscall.Errno, err error) {
	switch command {
	case commandDisc:
		return nil, 0, errEnd
	case commandFlush:
		return nil, d.flush(), nil
	case commandRead:
		data = make([]byte, length)
		return data, d.read(data, off), nil
	case commandWrite:
		data = make([]byte, length)
		if _, err := io.ReadFull(conn, data); err != nil {
			return nil, 0, err
		}
		return nil, d.write(data, off), nil
	}
	return nil, syscall.EINVAL, nil
}
