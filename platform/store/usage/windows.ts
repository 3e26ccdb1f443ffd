/**
 * The samples and the traffic of [from, to) as hourly windows, one row a database and meter: the one definition of what they are
 * worth, used by the roll-up and by readers of the hours that are not rolled up yet.
 * @param from, to SQL expressions of type timestamptz.
 * @param which a condition on `instance`: of whom.
 */
export const windowsOf = (from: string, to: string, which = "true"): string => `
  select split_part(instance, '.', 1) as tenant, split_part(instance, '.', 2) as project,
         split_part(instance, '.', 3) as database, meter, hour as window_start, hour + interval '1 hour' as window_end,
         quantity, commits
  from (
    select instance, date_trunc('hour', slot, 'UTC') as hour,
           round(sum(compute_unit_ms) / 1000, 6) as unit_seconds,
           round(sum(frozen_unit_ms) / 1000, 6) as frozen_seconds,
           round(sum(storage_byte_ms) / 3600000, 6) as byte_hours,
           round(sum(backup_byte_ms) / 3600000, 6) as backup_byte_hours,
           round(sum(connection_ms)::numeric / 1000, 6) as connection_seconds,
           coalesce(array_agg(distinct commit order by commit) filter (where commit is not null), '{}') as commits
    from usage_samples
    where slot >= ${from} and slot < ${to} and ${which}
    group by 1, 2
  ) hours
  cross join lateral (values
    ('compute_unit_seconds', unit_seconds),
    ('frozen_unit_seconds', frozen_seconds),
    ('storage_byte_hours', byte_hours),
    ('backup_byte_hours', backup_byte_hours),
    ('connection_seconds', connection_seconds)
  ) meters (meter, quantity)
  where quantity > 0
  union all
  select split_part(instance, '.', 1), split_part(instance, '.', 2), split_part(instance, '.', 3), meter, hour,
         hour + interval '1 hour', quantity, commits
  from (
    select instance, date_trunc('hour', at, 'UTC') as hour, sum(bytes_out) as egress_bytes, sum(requests) as api_requests,
           coalesce(array_agg(distinct commit order by commit) filter (where commit is not null), '{}') as commits
    from usage_traffic
    where at >= ${from} and at < ${to} and ${which}
    group by 1, 2
  ) traffic
  cross join lateral (values ('egress_bytes', egress_bytes), ('api_requests', api_requests)) meters (meter, quantity)
  where quantity > 0`;
