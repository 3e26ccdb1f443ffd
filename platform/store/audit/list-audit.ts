import type { Sql } from "../../sql/index.ts";
import { type Reach, reachParameters, withinReach } from "../reach.ts";
import { email } from "./append-audit.ts";
import type { AuditLog } from "./line.ts";
import type { Subjects } from "./subjects.ts";

export type AuditFilter = {
  readonly within: Reach;
  readonly actor?: string | null | undefined;
  /** Pseudonym, also of somebody who was erased. */
  readonly subject?: string | null | undefined;
  readonly actorId?: string | null | undefined;
  readonly action?: string | null | undefined;
  readonly resource?: string | null | undefined;
  readonly result?: string | null | undefined;
  readonly operation?: string | null | undefined;
  readonly commit?: string | null | undefined;
  readonly address?: string | null | undefined;
  /** Any part of it. */
  readonly userAgent?: string | null | undefined;
  /** Every member of it stands in the line's details. */
  readonly details?: Readonly<Record<string, unknown>> | null | undefined;
  readonly from?: Date | null | undefined;
  readonly to?: Date | null | undefined;
  readonly beforeId?: number | null | undefined;
  readonly limit: number;
};

export type AuditPage = {
  readonly rows: readonly AuditLog[];
  /** Where to go on; null: nothing older is left. A page that had to open many lines may be short and still go on. */
  readonly nextBefore: number | null;
};

/** Lines that one page may open to find what only the opened line tells (address, agent, the actor's id). */
const openedAtMost = 20_000;

type Row = Omit<AuditLog, "actor" | "actorId" | "address" | "userAgent"> & { readonly personal: string };

/** Newest first. */
export async function listAudit(sql: Sql, subjects: Subjects, filter: AuditFilter): Promise<AuditPage> {
  const found: AuditLog[] = [];
  const subject = filter.actor == null ? filter.subject : await subjects.find(filter.actor);
  if (filter.actor != null && (subject === undefined || (filter.subject ?? subject) !== subject))
    return { rows: [], nextBefore: null };
  const resource = await withPseudonyms(subjects, filter.resource);
  const isOpened = filter.address != null || filter.userAgent != null || filter.actorId != null;
  const chunk = isOpened ? 1000 : filter.limit + 1;
  let before = filter.beforeId ?? null;
  for (let opened = 0; opened < openedAtMost; opened += chunk) {
    const rows = await readChunk(sql, {
      ...filter,
      resource,
      subject: subject ?? null,
      beforeId: before,
      limit: chunk,
    });
    const who = await subjects.open(rows);
    for (const [i, { personal: _, ...row }] of rows.entries()) {
      const line = { ...row, ...(who[i] as (typeof who)[number]) };
      if (!fits(line, filter)) continue;
      if (found.length === filter.limit)
        return { rows: await named(subjects, found), nextBefore: found.at(-1)?.id ?? null };
      found.push(line);
    }
    before = rows.at(-1)?.id ?? before;
    if (rows.length < chunk) return { rows: await named(subjects, found), nextBefore: null };
  }
  return { rows: await named(subjects, found), nextBefore: before };
}

/** What was done to a person is asked for by their name, and found by their pseudonym. */
async function withPseudonyms(subjects: Subjects, resource: string | null | undefined): Promise<string | null> {
  let replaced = resource ?? null;
  for (const name of replaced?.match(email) ?? [])
    replaced = replaced?.replaceAll(name, (await subjects.find(name)) ?? name) ?? null;
  return replaced;
}

const pseudonym = /sub_[0-9a-z]{26}/g;

/** People whom a line speaks of get their names back, as long as they are not erased. */
async function named(subjects: Subjects, lines: readonly AuditLog[]): Promise<readonly AuditLog[]> {
  const textOf = ({ resource, details }: AuditLog) => resource + JSON.stringify(details);
  const ids = lines.flatMap((line) => textOf(line).match(pseudonym) ?? []);
  if (ids.length === 0) return lines;
  const names = await subjects.names(ids);
  const restore = (text: string, quote: (name: string) => string) =>
    text.replaceAll(pseudonym, (id) => quote(names.get(id) ?? id));
  return lines.map((line) => ({
    ...line,
    resource: restore(line.resource, (name) => name),
    details: JSON.parse(restore(JSON.stringify(line.details), (name) => JSON.stringify(name).slice(1, -1))),
  }));
}

const fits = (line: AuditLog, { address, userAgent, actorId }: AuditFilter): boolean =>
  (address == null || line.address === address) &&
  (actorId == null || line.actorId === actorId) &&
  (userAgent == null || (line.userAgent?.includes(userAgent) ?? false));

const readChunk = (sql: Sql, f: AuditFilter): Promise<readonly Row[]> =>
  sql.query<Row>(
    `select seq as id, at, subject, personal, action, resource, tenant, project, details, result, operation, commit
     from audit_logs
     where ${withinReach(1, { tenant: "tenant", stack: "tenant || '.' || project" })}
       and ($4::text is null or subject = $4)
       and ($5::text is null or action = $5)
       and ($6::text is null or resource = $6)
       and ($7::text is null or result = $7)
       and ($8::text is null or operation = $8)
       and ($9::text is null or commit = $9)
       and ($10::jsonb is null or details::jsonb @> $10)
       and ($11::timestamptz is null or at >= $11)
       and ($12::timestamptz is null or at < $12)
       and ($13::bigint is null or seq < $13)
     order by seq desc limit $14`,
    [
      ...reachParameters(f.within),
      f.subject ?? null,
      f.action ?? null,
      f.resource ?? null,
      f.result ?? null,
      f.operation ?? null,
      f.commit ?? null,
      f.details == null ? null : JSON.stringify(f.details),
      f.from ?? null,
      f.to ?? null,
      f.beforeId ?? null,
      f.limit,
    ],
  );
