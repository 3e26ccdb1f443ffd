import type { Sql } from "../../sql/index.ts";
import { fileFrom, grains } from "./filing.ts";

/** One line of a gateway's meter files. */
export type TrafficLine = {
  readonly line: string;
  readonly instance: string;
  readonly atMs: number;
  readonly bytesOut: number;
  readonly bytesIn: number;
  readonly connections: number;
  /** Of the data API. */
  readonly requests: number;
};

/**
 * Writes lines; one that is there already stays as it is and adds nothing. What is older than `finalBeforeMs` lies in hours that
 * are final: it is kept and not filed. Returns how many of those there were.
 */
export async function putTraffic(
  sql: Sql,
  lines: readonly TrafficLine[],
  finalBeforeMs: number = Number.NEGATIVE_INFINITY,
): Promise<number> {
  if (lines.length === 0) return 0;
  await sql.query(text, [
    lines.map(({ line }) => line),
    lines.map(({ instance }) => instance),
    lines.map(({ atMs }) => new Date(atMs)),
    lines.map(({ bytesOut }) => bytesOut),
    lines.map(({ bytesIn }) => bytesIn),
    lines.map(({ connections }) => connections),
    lines.map(({ requests }) => requests),
    Number.isFinite(finalBeforeMs) ? new Date(finalBeforeMs) : null,
  ]);
  return lines.filter(({ atMs }) => atMs < finalBeforeMs).length;
}

const text = `
  with written as (
    insert into usage_traffic (line, instance, at, bytes_out, bytes_in, connections, requests, commit, filed)
    select l.*, i.commit, l.at >= coalesce($8::timestamptz, '-infinity')
    from unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::bigint[], $5::bigint[], $6::int[], $7::bigint[])
      as l (line, instance, at, bytes_out, bytes_in, connections, requests)
    left join instances i on i.id = l.instance
    order by l.line
    on conflict (line) do nothing
    returning instance, at, commit, bytes_out, requests, filed
  ), used as (
    select instance, at, commit, meter, amount::numeric, grain from written cross join lateral (values
      ('egress_bytes', bytes_out, ${grains.egress_bytes}), ('api_requests', requests, ${grains.api_requests})
    ) meters (meter, amount, grain)
    where filed
  )
  ${fileFrom("used", "sampled")}`;
