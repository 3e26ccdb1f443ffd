-- Databases have no TCP port of their own any more: clients reach them through the gateway. What was noted of one is dropped.

alter table instances drop column if exists port;
alter table drift_orphans drop column if exists port;
