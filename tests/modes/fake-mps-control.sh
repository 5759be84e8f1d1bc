#!/bin/sh
# A control program that answers as docs/mps-control.md says. Its clients are the lines of
# $CUDA_MPS_PIPE_DIRECTORY/clients, which the test writes. FAKE_MPS: broken (-d fails), mute (the
# daemon never answers), stubborn (quit is ignored), no-list (get_client_list knows nothing).
pipe=${CUDA_MPS_PIPE_DIRECTORY:?}
case "$1" in
-d)
  test "$FAKE_MPS" != broken || exit 1
  mkfifo "$pipe/control" "$pipe/up" || exit 1
  setsid "$0" --daemon >/dev/null 2>&1 &
  read up <"$pipe/up"
  exit 0
  ;;
--daemon)
  echo $$ >"$pipe/pid"
  echo up >"$pipe/up"
  trap '' TERM HUP
  exec 3<>"$pipe/control"
  while read command <&3; do test "$command" != quit || exit 0; done
  exit 0
  ;;
esac
daemon=$(cat "$pipe/pid" 2>/dev/null)
if ! kill -0 "$daemon" 2>/dev/null || test "$FAKE_MPS" = mute; then
  echo "Cannot find MPS control daemon process"
  exit 1
fi
read command server client
echo "$command $server $client" >>"$CUDA_MPS_LOG_DIRECTORY/../../commands"
clients=$(cat "$pipe/clients" 2>/dev/null)
case "$command" in
get_default_active_thread_percentage) echo 100.0 ;;
get_server_list) test -z "$clients" || echo "$daemon" ;;
get_client_list) test "$FAKE_MPS" = no-list || echo "$clients" ;;
ps)
  echo "PID       ID    SERVER    DEVICE    NAMESPACE    COMMAND"
  for pid in $clients; do echo "$pid 1 $daemon GPU-aaaa 4026531836 python train.py 7"; done
  ;;
quit) test "$FAKE_MPS" = stubborn || echo quit >"$pipe/control" ;;
esac
