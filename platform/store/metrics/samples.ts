import type { DatabaseId, Engine, Placement } from "../../spec/index.ts";
import type { Sql } from "../../sql/index.ts";

/** A database's newest look. What figures there are is platform/telemetry's; they may have been written by another version. */
export type DatabaseSample = {
  readonly instance: DatabaseId;
  readonly state: string;
  readonly atMs: number | null;
  readonly startedAtMs: number | null;
  readonly figures: unknown;
  readonly rates: unknown;
};

type Row = {
  readonly instance: DatabaseId;
  readonly state: string;
  readonly sampledAt: Date | null;
  readonly startedAt: Date | null;
  readonly figures: unknown;
  readonly rates: unknown;
};

const columns = `instance, state, sampled_at as "sampledAt", server_started_at as "startedAt", figures, rates`;

const fromRow = ({ sampledAt, startedAt, ...row }: Row): DatabaseSample => ({
  ...row,
  atMs: sampledAt?.getTime() ?? null,
  startedAtMs: startedAt?.getTime() ?? null,
});

/**
 * Overwrites what was known of these databases. A look that is older than what is there changes nothing; one of a database that is gone
 * meanwhile is dropped.
 */
export async function putDatabaseSamples(sql: Sql, samples: readonly DatabaseSample[]): Promise<void> {
  if (samples.length === 0) return;
  const rows = samples.map(({ atMs, startedAtMs, ...sample }) => ({
    ...sample,
    sampledAt: atMs === null ? null : new Date(atMs).toISOString(),
    startedAt: startedAtMs === null ? null : new Date(startedAtMs).toISOString(),
  }));
  await sql.query(
    `insert into database_samples (instance, state, sampled_at, server_started_at, figures, rates)
     select given.instance, state, "sampledAt", "startedAt", figures, rates
     from jsonb_to_recordset($1::jsonb) as given(instance text, state text, "sampledAt" timestamptz, "startedAt" timestamptz,
       figures jsonb, rates jsonb)
     where exists (select from instances where id = given.instance)
     order by given.instance
     on conflict (instance) do update set state = excluded.state, sampled_at = excluded.sampled_at,
       server_started_at = excluded.server_started_at, figures = excluded.figures, rates = excluded.rates,
       looked_at = clock_timestamp()
     where database_samples.sampled_at is null or excluded.sampled_at >= database_samples.sampled_at`,
    [JSON.stringify(rows)],
  );
}

export async function getDatabaseSample(sql: Sql, instance: string): Promise<DatabaseSample | undefined> {
  const row = await sql.maybe<Row>(
    `select ${columns} from database_samples where instance = $1
       and exists (select from instances where id = $1 and phase not in ('Removed', 'Expired'))`,
    [instance],
  );
  return row && fromRow(row);
}

/** What is scraped: databases that are there, with their newest look where there was one. */
export type ScrapedDatabase = {
  readonly id: DatabaseId;
  readonly engine: Engine;
  readonly placement: Placement;
  readonly sample: DatabaseSample | null;
};

/** Of one database, or of all. */
export async function listScraped(sql: Sql, instance?: string): Promise<readonly ScrapedDatabase[]> {
  const rows = await sql.query<Row & Omit<ScrapedDatabase, "sample">>(
    `select id, engine, placement, ${columns} from instances left join database_samples on instance = id
     where phase in ('Ready', 'Paused', 'Failed') and ($1::text is null or id = $1) order by id`,
    [instance ?? null],
  );
  return rows.map(({ id, engine, placement, ...row }) => ({
    ...{ id, engine, placement },
    sample: row.instance === null ? null : fromRow(row),
  }));
}
