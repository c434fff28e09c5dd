"""Nchan in an nginx with one worker: clients subscribe by path, ticks are pipelined POSTs."""

import argparse

from bench.fanout.peers.install import NCHAN, NGINX, RUNNING
from bench.fanout.peers.listening import become, free_port

CONFIGURATION = """\
load_module {module};
daemon off;
worker_processes 1;
error_log stderr crit;
pid nginx.pid;
events {{
  worker_connections 20000;
}}
http {{
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 1h;
  client_body_buffer_size 64k;
  client_body_temp_path temporary;
  proxy_temp_path temporary;
  fastcgi_temp_path temporary;
  uwsgi_temp_path temporary;
  scgi_temp_path temporary;
  nchan_shared_memory_size 256m;
  nchan_message_timeout 10s;
  nchan_message_buffer_length 1000;
  server {{
    listen 127.0.0.1:{port} backlog=1024;
    location ~ ^/sub/(.+)$ {{
      nchan_subscriber websocket;
      nchan_subscriber_first_message newest;
      nchan_websocket_ping_interval 0;
      nchan_channel_id $1;
      nchan_channel_id_split_delimiter ",";
    }}
    location ~ ^/pub/(.+)$ {{
      nchan_publisher http;
      nchan_channel_id $1;
    }}
  }}
}}
"""


def main() -> None:
    """Become nginx."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    port = parser.parse_args().port or free_port()
    directory = RUNNING / "nchan"
    directory.mkdir(parents=True, exist_ok=True)
    configuration = directory / "nginx.conf"
    configuration.write_text(CONFIGURATION.format(port=port, module=NCHAN), encoding="utf-8")
    become(NGINX, ("-p", str(directory), "-c", str(configuration), "-e", "stderr"), (port,))


if __name__ == "__main__":
    main()
