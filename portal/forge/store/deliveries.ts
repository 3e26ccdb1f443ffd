import { randomUUID } from "node:crypto";
import type { Sql } from "../../../platform/sql/index.ts";

export type Delivery = {
  readonly id: number;
  readonly hook: number;
  readonly repository: number | null;
  readonly installation: number | null;
  readonly guid: string;
  readonly event: string;
  readonly action: string | null;
  readonly redelivery: boolean;
  readonly payload: string;
  readonly requestHeaders: Readonly<Record<string, string>>;
  readonly responseHeaders: Readonly<Record<string, string>> | null;
  readonly responseBody: string | null;
  readonly status: string;
  readonly statusCode: number;
  readonly durationMs: number;
  readonly deliveredAt: Date | null;
  readonly createdAt: Date;
};

/** A delivery with what sending it needs. */
export type Waiting = Pick<Delivery, "id" | "hook" | "guid" | "event" | "payload"> & {
  readonly url: string;
  readonly contentType: "json" | "form";
  readonly secretSealed: string | null;
  readonly targetId: number;
  readonly targetType: "repository" | "integration";
};

export type Attempt = {
  readonly code: number;
  readonly status: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly requestHeaders: Readonly<Record<string, string>>;
  readonly durationMs: number;
  readonly at: Date;
};

const columns = `id, hook, repository, installation, guid, event, action, redelivery, payload,
  request_headers as "requestHeaders", response_headers as "responseHeaders", response_body as "responseBody", status,
  status_code as "statusCode", duration_ms as "durationMs", delivered_at as "deliveredAt", created_at as "createdAt"`;

export async function insertDelivery(
  sql: Sql,
  row: Pick<Delivery, "hook" | "repository" | "installation" | "event" | "action" | "payload"> & {
    readonly guid?: string;
    readonly at: Date;
  },
): Promise<void> {
  await sql.query(
    `insert into deliveries (hook, repository, installation, guid, event, action, redelivery, payload, created_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
    [
      row.hook,
      row.repository,
      row.installation,
      row.guid ?? randomUUID(),
      row.event,
      row.action,
      row.guid !== undefined,
      row.payload,
      row.at,
    ],
  );
}

export const waitingHooks = async (sql: Sql): Promise<number[]> =>
  (await sql.query<{ hook: number }>("select distinct hook from deliveries where delivered_at is null")).map(
    (row) => row.hook,
  );

export const waitingDeliveries = (sql: Sql, hook: number) =>
  sql.query<Waiting>(
    `select d.id, d.hook, d.guid, d.event, d.payload, h.url, h.content_type as "contentType",
       h.secret_sealed as "secretSealed", coalesce(h.repository, h.app) as "targetId",
       case when h.repository is null then 'integration' else 'repository' end as "targetType"
     from deliveries d join hooks h on h.id = d.hook
     where d.hook = $1 and d.delivered_at is null order by d.id limit 20`,
    [hook],
  );

export async function recordAttempt(
  sql: Sql,
  { id, hook }: { id: number; hook: number },
  attempt: Attempt,
): Promise<void> {
  await sql.query(
    `with attempted as (
       update deliveries set delivered_at = $3, status = $4, status_code = $5, duration_ms = $6, request_headers = $7,
         response_headers = $8, response_body = $9 where id = $1)
     update hooks set last_code = nullif($5, 0), last_status = $10, last_message = $4 where id = $2`,
    [
      id,
      hook,
      attempt.at,
      attempt.status,
      attempt.code,
      attempt.durationMs,
      JSON.stringify(attempt.requestHeaders),
      JSON.stringify(attempt.headers),
      attempt.body,
      attempt.code >= 200 && attempt.code < 300 ? "active" : "failed",
    ],
  );
}

/** Newest first, ids below `before` when given. */
export const listDeliveries = (sql: Sql, hook: number, before: number | null, limit: number) =>
  sql.query<Delivery>(
    `select ${columns} from deliveries where hook = $1 and delivered_at is not null and ($2::bigint is null or id < $2)
     order by id desc limit $3`,
    [hook, before, limit],
  );

export const findDelivery = (sql: Sql, hook: number, id: number) =>
  sql.maybe<Delivery>(`select ${columns} from deliveries where hook = $1 and id = $2`, [hook, id]);

export async function pruneDeliveries(sql: Sql, at: Date): Promise<void> {
  await sql.query(
    "delete from deliveries where created_at < $1::timestamptz - interval '3 days' and delivered_at is not null",
    [at],
  );
}
