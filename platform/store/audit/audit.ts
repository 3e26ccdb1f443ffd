import type { Observe, Vault } from "../../core/index.ts";
import type { Sql } from "../../sql/index.ts";
import { makeAppend } from "./append-audit.ts";
import { exportAudit } from "./export-audit.ts";
import type { NewAuditLog } from "./line.ts";
import { type AuditFilter, type AuditPage, listAudit } from "./list-audit.ts";
import { anchorAudit, retainAudit } from "./segments.ts";
import { makeSigner } from "./signing.ts";
import { makeSubjects } from "./subjects.ts";
import { type AuditVerdict, type KnownHead, verifyAudit } from "./verify-audit.ts";

/** The trail of everything that was done. One for each process; any number of processes share the chain. */
export type Audit = {
  /** Resolves when the line is kept. */
  append(entry: NewAuditLog): Promise<void>;
  list(filter: AuditFilter): Promise<AuditPage>;
  /** Holds the whole chain to its hashes, its signatures, and to what is known from elsewhere. */
  verify(known?: readonly KnownHead[]): Promise<AuditVerdict>;
  /** JSON values, a line each. */
  export(): AsyncIterable<object>;
  /** Ed25519, base64. */
  readonly publicKey: string;
  /** The pseudonym of somebody, while they are not erased. */
  subjectOf(actor: string): Promise<string | undefined>;
  /** Nobody can say any more who the pseudonym was. Returns it; undefined when nobody by that name ever acted. */
  eraseSubject(actor: string): Promise<string | undefined>;
  /** Once a process life: lines of the first release join the chain. How many they were. */
  adopt(): Promise<number>;
  /** Each hour. */
  anchor(observe: Observe): Promise<void>;
  /** Each day: closes finished months, lets go of what is older. How many lines went. */
  retain(days: number): Promise<number>;
};

export function makeAudit(sql: Sql, vault: Vault): Audit {
  const subjects = makeSubjects(sql, vault);
  const signer = makeSigner(vault);
  const append = makeAppend(sql, subjects, signer);
  return {
    append: (entry) => append(entry),
    list: (filter) => listAudit(sql, subjects, filter),
    verify: (known) => verifyAudit(sql, signer.publicKey, known),
    export: () => exportAudit(sql, subjects, signer.publicKey),
    publicKey: signer.publicKey,
    subjectOf: (actor) => subjects.find(actor),
    eraseSubject: (actor) => subjects.erase(actor),
    adopt: () => adoptBefore(sql, (tx) => makeAppend(tx, makeSubjects(tx, vault), signer)),
    anchor: (observe) => anchorAudit(sql, signer, observe),
    retain: (days) => retainAudit(sql, signer, days),
  };
}

type Before = NewAuditLog & { readonly id: number; readonly at: Date };

/** In one transaction: a line of the first release is in the chain or still where it was. */
const adoptBefore = (sql: Sql, appendIn: (tx: Sql) => ReturnType<typeof makeAppend>): Promise<number> =>
  sql.tx(async (tx) => {
    const rows = await tx.query<Before>(
      `select id, at, actor, action, resource, tenant, project, address, user_agent as "userAgent", details, result,
         operation, commit from audit_before order by id for update`,
    );
    const append = appendIn(tx);
    await Promise.all(rows.map(({ id: _, at, ...entry }) => append(entry, at)));
    await tx.query("delete from audit_before where id <= $1", [rows.at(-1)?.id ?? 0]);
    return rows.length;
  });
