package agent

import (
	"context"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/musterhq/muster/server/api"
)

// joinTimeout bounds one POST /v1/join, sendTimeout one reliable send.
const (
	joinTimeout = 10 * time.Second
	sendTimeout = 10 * time.Second
)

func (a *Agent) postJoin(r *http.Request) (any, error) {
	req, err := decode[api.JoinRequest](r)
	if err != nil {
		return nil, err
	}
	if len(req.Addrs) == 0 {
		return nil, fault(http.StatusBadRequest, "", "addrs is empty")
	}
	ctx, cancel := context.WithTimeout(r.Context(), joinTimeout)
	defer cancel()
	n, err := a.node.Join(ctx, req.Addrs...)
	if err != nil {
		return nil, fault(http.StatusBadGateway,
			"is it running there, with the same --label and --key?", "join: %v", err)
	}
	return api.JoinResult{Joined: n}, nil
}

// postLeave answers before it lets Wait close the server under the answer.
func (a *Agent) postLeave(w http.ResponseWriter, r *http.Request) {
	// A caller that hangs up must not leave the goodbye half said.
	if err := a.Leave(context.WithoutCancel(r.Context())); err != nil {
		writeError(w, err)
		return
	}
	writeJSON(w, http.StatusOK, api.Done{OK: true})
	a.markLeft()
}

func (a *Agent) postMeta(r *http.Request) (any, error) {
	req, err := decode[api.MetaRequest](r)
	if err != nil {
		return nil, err
	}
	if err := a.node.SetMeta([]byte(req.Meta)); err != nil {
		return nil, refused("meta", err)
	}
	return api.Done{OK: true}, nil
}

func (a *Agent) postBroadcast(r *http.Request) (any, error) {
	req, err := decode[api.BroadcastRequest](r)
	if err != nil {
		return nil, err
	}
	payload, err := req.Value()
	if err != nil {
		return nil, fault(http.StatusBadRequest, "", "broadcast: %v", err)
	}
	if err := a.node.Broadcast(payload); err != nil {
		return nil, refused("broadcast", err)
	}
	return api.Done{OK: true}, nil
}

func (a *Agent) postSend(r *http.Request) (any, error) {
	req, err := decode[api.SendRequest](r)
	if err != nil {
		return nil, err
	}
	payload, err := req.Value()
	if err != nil {
		return nil, fault(http.StatusBadRequest, "", "send: %v", err)
	}
	if req.Reliable {
		ctx, cancel := context.WithTimeout(r.Context(), sendTimeout)
		defer cancel()
		err = a.node.Send(ctx, req.To, payload)
	} else {
		err = a.node.SendPacket(req.To, payload)
	}
	if err != nil {
		return nil, refused("send to "+strconv.Quote(req.To), err)
	}
	return api.Done{OK: true}, nil
}

func (a *Agent) postCut(r *http.Request) (any, error) {
	req, err := decode[api.CutRequest](r)
	if err != nil {
		return nil, err
	}
	addrs := make([]netip.AddrPort, 0, len(req.Addrs))
	for _, s := range req.Addrs {
		addr, err := netip.ParseAddrPort(s)
		if err != nil {
			return nil, fault(http.StatusBadRequest, "", "cut: %v", err)
		}
		addrs = append(addrs, addr)
	}
	a.faults.cut(addrs)
	a.log.Warn("debug fault: outgoing traffic cut", "addrs", req.Addrs)
	return api.Done{OK: true}, nil
}
