//go:build linux

package kernel

import (
	"encoding/binary"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
)

// install replaces the table, in one transaction.
func (f *Filter) install() error {
	c := f.conn
	f.table = &nftables.Table{Family: nftables.TableFamilyINet, Name: f.options.Table}
	c.AddTable(f.table) // so that there is one to remove
	c.DelTable(f.table)
	f.table = c.AddTable(f.table)
	ports := &nftables.Set{Table: f.table, Name: "ports", KeyType: nftables.TypeInetService}
	elements := make([]nftables.SetElement, len(f.options.Ports))
	for i, p := range f.options.Ports {
		elements[i].Key = binary.BigEndian.AppendUint16(nil, p)
	}
	if err := c.AddSet(ports, elements); err != nil {
		return err
	}
	for i, s := range [...]*nftables.Set{
		{Table: f.table, Name: "blocked4", KeyType: nftables.TypeIPAddr, HasTimeout: true},
		{Table: f.table, Name: "blocked6", KeyType: nftables.TypeIP6Addr, HasTimeout: true},
	} {
		f.sets[i] = s
		if err := c.AddSet(s, nil); err != nil {
			return err
		}
	}
	chain := c.AddChain(&nftables.Chain{
		Name: "input", Table: f.table, Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookInput, Priority: nftables.ChainPriorityRef(-10),
	})
	for i := range f.sets {
		c.AddRule(&nftables.Rule{Table: f.table, Chain: chain, Exprs: f.drop(i, ports)})
	}
	return c.Flush()
}

const (
	protoTCP  = 6
	nfprotoV4 = 2
	nfprotoV6 = 10
)

// drop is "tcp dport @ports ip saddr @blocked4 drop", or its like for IPv6 with
// the source's first 64 bits.
func (f *Filter) drop(set int, ports *nftables.Set) []expr.Any {
	family, offset, length := byte(nfprotoV4), uint32(12), uint32(4)
	if set == 1 {
		family, offset, length = nfprotoV6, 8, 16
	}
	out := []expr.Any{
		&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{family}},
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{protoTCP}},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
		&expr.Lookup{SourceRegister: 1, SetName: ports.Name, SetID: ports.ID},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: length},
	}
	if set == 1 {
		mask := append(binaryutil.NativeEndian.PutUint64(^uint64(0)), make([]byte, 8)...)
		out = append(out, &expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 16, Mask: mask, Xor: make([]byte, 16)})
	}
	return append(out,
		&expr.Lookup{SourceRegister: 1, SetName: f.sets[set].Name, SetID: f.sets[set].ID},
		&expr.Counter{},
		&expr.Verdict{Kind: expr.VerdictDrop},
	)
}
