import { type Consumer, readInvoice } from "../../platform/billing/index.ts";
import { tell } from "../../platform/notify/index.ts";
import { shortMoney } from "../../platform/spending/index.ts";
import type { Sql } from "../../platform/sql/index.ts";

/** What happened to invoices as news for those whom tenant.ts names. Telling it twice is telling it once. */
export const newsConsumer = (sql: Sql): Consumer => ({
  name: "notify",
  async send({ kind, invoice: id, tenant, at, data }) {
    const invoice = await readInvoice(sql, id);
    if (invoice === undefined) return { told: false };
    const { number, period, totalMicros, currency, dueAt } = invoice;
    const told = { about: id, tenant, project: null, at };
    const words = { number, month: period.month, total: shortMoney(totalMicros, currency) };
    switch (kind) {
      case "invoice.finalized":
        return { told: await tell(sql, { ...told, kind, data: { ...words, dueAt: dueAt.toISOString() } }) };
      case "invoice.paid":
        return { told: await tell(sql, { ...told, kind, data: words }) };
      case "invoice.voided": {
        const [creditNote, reason] = [String(data.creditNote ?? ""), String(data.reason ?? "")];
        return { told: await tell(sql, { ...told, kind, data: { ...words, creditNote, reason } }) };
      }
    }
  },
});
