import type { Clock, Observe } from "../../platform/core/index.ts";
import { type News, tell } from "../../platform/notify/index.ts";
import { monthOf } from "../../platform/pricing/index.ts";
import { shortMoney } from "../../platform/spending/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import {
  activeHolds,
  getInvoiceRow,
  liftHold,
  listOwed,
  listStandings,
  type Owed,
  putHold,
  putStanding,
} from "../../platform/store/index.ts";
import { type Dunning, type DunningRules, standingOf } from "./dunning.ts";

type Dun = { readonly sql: Sql; readonly clock: Clock; readonly observe: Observe; readonly rules: DunningRules };

/** Every tenant that owes or owed something: how it stands now, who is told, what is held and let go. How many stand otherwise now. */
export async function dun({ sql, clock, observe, rules }: Dun): Promise<number> {
  const nowMs = clock.now();
  const [owed, standings] = [await listOwed(sql), await listStandings(sql)];
  const byTenant = Map.groupBy(owed, ({ tenant }) => tenant);
  const before = new Map(standings.map((one) => [one.tenant, one]));
  let changed = 0;
  for (const tenant of new Set([...byTenant.keys(), ...before.keys()])) {
    const known = before.get(tenant);
    const dunning = standingOf(byTenant.get(tenant) ?? [], known, rules, nowMs);
    const { standing, say } = dunning;
    if (known === undefined && standing.state === "good") continue;
    if (say === "nothing" && known?.state === standing.state && known.invoice === standing.invoice) continue;
    const held = await sql.tx((tx) => apply(tx, tenant, dunning, { since: known?.since ?? null, at: new Date(nowMs) }));
    if (held !== null) observe({ kind: "hold.changed", tenant, project: null, reason: "unpaid", state: held });
    changed++;
  }
  return changed;
}

/** In one transaction: the standing, the word, and the hold. */
async function apply(
  tx: Sql,
  tenant: string,
  { standing, owed, suspendedAt, say }: Dunning,
  { since, at }: { readonly since: Date | null; readonly at: Date },
): Promise<"placed" | "lifted" | null> {
  await putStanding(tx, { tenant, ...standing });
  const told = { tenant, project: null, at };
  if (say === "reminder" && owed !== null)
    await tell(tx, {
      ...{ ...told, kind: "payment.overdue", about: `${owed.id}/${standing.reminders}` },
      data: {
        ...(await wordsOf(tx, owed)),
        reminder: standing.reminders,
        suspendedAt: suspendedAt?.toISOString() ?? null,
      },
    });
  if (say === "suspended" && owed !== null) return suspend(tx, owed, at);
  if (standing.state === "suspended") return null;
  const lifted = await letGo(tx, tenant, at);
  if (say === "settled")
    await tell(tx, {
      ...{ ...told, kind: "payment.settled", about: `${tenant}/${at.toISOString()}` },
      data: { since: (since ?? at).toISOString() },
    });
  return lifted ? "lifted" : null;
}

async function suspend(tx: Sql, owed: Owed, at: Date): Promise<"placed" | null> {
  const { tenant, id } = owed;
  const told = { tenant, project: null, at };
  await tell(tx, { ...told, kind: "payment.suspended", about: id, data: await wordsOf(tx, owed) });
  const placed = await putHold(tx, {
    ...{ id: `unpaid/${id}`, tenant, project: null, reason: "unpaid", since: at },
    data: { invoice: id, number: owed.number },
  });
  if (!placed) return null;
  const data: News<"hold.placed">["data"] = { reason: "unpaid", until: "when what is overdue is paid" };
  await tell(tx, { ...told, kind: "hold.placed", about: `unpaid/${id}`, data });
  return "placed";
}

async function letGo(tx: Sql, tenant: string, at: Date): Promise<boolean> {
  let isAny = false;
  for (const hold of await activeHolds(tx, { tenant, reason: "unpaid" })) {
    const why = "what was overdue is paid";
    if ((await liftHold(tx, hold.id, { at, why })) === undefined) continue;
    await tell(tx, { kind: "hold.lifted", about: hold.id, tenant, project: null, at, data: { reason: "unpaid", why } });
    isAny = true;
  }
  return isAny;
}

async function wordsOf(tx: Sql, { id, number, totalMicros, currency, dueAt, payUrl }: Owed) {
  const row = await getInvoiceRow(tx, id);
  const month = row?.month ?? monthOf(dueAt.getTime());
  return { number, month, total: shortMoney(totalMicros, currency), dueAt: dueAt.toISOString(), payUrl };
}
