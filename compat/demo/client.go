package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// web is short of patience: a frozen node accepts connections and is silent.
var web = &http.Client{
	Timeout:   2 * time.Second,
	Transport: &http.Transport{MaxIdleConnsPerHost: 4},
}

// member is what the demo reads of a row of GET /v1/members.
type member struct {
	Name  string `json:"name"`
	State string `json:"state"`
}

// message is what it reads of GET /v1/messages?recent=1.
type message struct {
	Time    time.Time `json:"time"`
	Payload []byte    `json:"payload"`
}

func get[T any](ctx context.Context, n *node, path string) (T, error) {
	var out T
	err := call(ctx, n, http.MethodGet, path, nil, &out)
	return out, err
}

func post(ctx context.Context, n *node, path string, in any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("%s to %s: %w", path, n.name, err)
	}
	var ignored json.RawMessage
	return call(ctx, n, http.MethodPost, path, body, &ignored)
}

func call(ctx context.Context, n *node, method, path string, body []byte, out any) error {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+n.api+path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("ask %s: %w", n.name, err)
	}
	resp, err := web.Do(req)
	if err != nil {
		return fmt.Errorf("ask %s: %w", n.name, err)
	}
	defer func() { _ = resp.Body.Close() }() // it was read to the end
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("ask %s: %w", n.name, err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("ask %s: %s %s: %s: %s", n.name, method, path, resp.Status, bytes.TrimSpace(text))
	}
	if err := json.Unmarshal(text, out); err != nil {
		return fmt.Errorf("ask %s: %s: %w", n.name, path, err)
	}
	return nil
}
