import type { Sql } from "../../sql/index.ts";
import type { NewAuditLog } from "./line.ts";
import { type Signer, statements } from "./signing.ts";
import type { Subjects } from "./subjects.ts";

export type Append = (entry: NewAuditLog, at?: Date) => Promise<void>;

type Waiting = {
  readonly entry: NewAuditLog;
  readonly at: Date | undefined;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
};

const linesAtOnce = 500;

/**
 * Appends lines to the chain. Resolves when the line is committed, signed head and all.
 *
 * The chain has one end, so its lock is held for as short as can be: what is asked for while one batch is written goes together
 * into the next, with one commit for all. A writer never waits for more than the batch before his own.
 */
export function makeAppend(sql: Sql, subjects: Subjects, signer: Signer): Append {
  const waiting: Waiting[] = [];
  let writing = false;

  const write = async (): Promise<void> => {
    if (writing) return;
    writing = true;
    while (waiting.length > 0) {
      const batch = waiting.splice(0, linesAtOnce);
      try {
        await writeLines(sql, subjects, signer, batch);
        for (const { resolve } of batch) resolve();
      } catch (thrown) {
        for (const { reject } of batch) reject(thrown);
      }
    }
    writing = false;
  };

  return (entry, at) =>
    new Promise((resolve, reject) => {
      waiting.push({ entry, at, resolve, reject });
      void write();
    });
}

async function writeLines(sql: Sql, subjects: Subjects, signer: Signer, batch: readonly Waiting[]): Promise<void> {
  // Before the head's lock: a new subject is a row of its own.
  const lines = await Promise.all(batch.map(({ entry, at }) => toLine(subjects, entry, at)));
  await sql.tx(async (tx) => {
    const head = await tx.one<{ seq: number; hash: string }>(
      "select head_seq as seq, encode(head_hash, 'hex') as hash from audit_append($1::json)",
      [JSON.stringify(lines)],
    );
    await tx.query("select audit_sign($1, decode($2, 'hex'), $3)", [
      head.seq,
      head.hash,
      signer.sign(statements.head(head)),
    ]);
  });
}

async function toLine(subjects: Subjects, entry: NewAuditLog, at: Date | undefined) {
  const { actor, actorId = null, address, userAgent, people = [], ...open } = entry;
  const key = await subjects.of(actor);
  const personal = subjects.seal(key, { actor, actorId, address, userAgent });
  return {
    ...(await withoutNames(subjects, open, people)),
    subject: key.id,
    personal,
    ...(at === undefined ? {} : { at: at.toISOString() }),
  };
}

export const email = /[^\s/@"'<>:,;()[\]{}\\]+@[^\s/@"'<>:,;()[\]{}\\]+\.[A-Za-z0-9-]{2,}/g;

/** The chain is never rewritten, so it must not name anybody: pseudonyms stand in resource and details. */
async function withoutNames<T extends Pick<NewAuditLog, "resource" | "details">>(
  subjects: Subjects,
  open: T,
  people: readonly string[],
): Promise<T> {
  const details = JSON.stringify(open.details);
  const named = new Set([...people, ...[open.resource, details].flatMap((text) => text.match(email) ?? [])]);
  if (named.size === 0) return open;
  const pseudonyms = new Map<string, string>();
  // The longest first: a name may be a part of another one.
  for (const name of [...named].filter((one) => one !== "").sort((a, b) => b.length - a.length))
    pseudonyms.set(name, (await subjects.of(name)).id);
  const replace = (text: string, quote: (name: string) => string): string => {
    let replaced = text;
    for (const [name, id] of pseudonyms) replaced = replaced.replaceAll(quote(name), id);
    return replaced;
  };
  return {
    ...open,
    resource: replace(open.resource, (name) => name),
    details: JSON.parse(replace(details, (name) => JSON.stringify(name).slice(1, -1))) as T["details"],
  };
}
