-- Requests that the data API answered, as its gateway wrote them down beside the bytes.

alter table usage_traffic add column requests bigint not null default 0 check (requests >= 0);
