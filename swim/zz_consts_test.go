package swim
import "time"
const (usersBytes=8<<20; answersMax=8; intervalMax = 365*24*time.Hour)
