package httpapi

import (
	"errors"
	"net/http"

	"github.com/musterhq/muster/server/nacos"
	"github.com/musterhq/muster/server/nacos/codes"
)

// login gives a token for a name and a password.
func (s *Server) login(q *request) (any, error) {
	name, err := q.required("username")
	if err != nil {
		return nil, err
	}
	session, err := s.opts.Access.Login(q.Context(), nacos.Credentials{
		User: name, Password: q.params.Get("password"), RemoteAddr: q.caller(),
	})
	if errors.Is(err, nacos.ErrLogin) {
		return nil, codes.Forbidden.With("unknown user!")
	}
	if err != nil {
		return nil, err
	}
	bare := plain
	return answered{
		status:  http.StatusOK,
		headers: map[string]string{"Authorization": "Bearer " + session.Token},
		value: object{
			"accessToken": session.Token, "tokenTtl": int(session.TTL.Seconds()), "globalAdmin": session.GlobalAdmin, "username": session.User,
		},
		style: &bare,
	}, nil
}
