-- Bytes that the gateway sent to clients and got from them, as it wrote them down: one row a line of its meter files.

create table usage_traffic (
  line uuid primary key,                                 -- taking a line over twice changes nothing
  instance text not null,
  at timestamptz not null,                               -- the end of the stretch that it is about
  bytes_out bigint not null check (bytes_out >= 0),
  bytes_in bigint not null check (bytes_in >= 0),
  connections int not null check (connections >= 0),
  commit text                                            -- whose declaration the instance ran
);
create index usage_traffic_by_time on usage_traffic (at, instance);
