/** What our Stripe knows: customers, invoices, usage. Its rules are Stripe's as far as we rely on them. */
import { randomBytes } from "node:crypto";
import { type Form, list, record, text } from "./form.ts";

export type Customer = {
  readonly id: string;
  readonly created: number;
  readonly name: string | null;
  readonly email: string | null;
  readonly metadata: Readonly<Record<string, string>>;
  hasCard: boolean;
  deleted: boolean;
};
export type Line = {
  readonly id: string;
  readonly amount: number;
  readonly description: string;
  readonly metadata: Readonly<Record<string, string>>;
};
export type Invoice = {
  readonly id: string;
  readonly created: number;
  readonly customer: string;
  readonly currency: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly collection_method: string;
  readonly due_date: number | null;
  readonly lines: Line[];
  status: "draft" | "open" | "paid" | "void" | "uncollectible";
  auto_advance: boolean;
  attempts: number;
  paid: number;
  paidElsewhere: number;
  credited: number;
  refunded: number;
};
export type MeterEvent = {
  readonly identifier: string;
  readonly name: string;
  readonly customer: string;
  readonly value: number;
  readonly at: number;
  readonly toldAtMs: number;
};

export class Refusal extends Error {
  readonly status: number;
  readonly code: string;
  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

const id = (prefix: string): string => `${prefix}_${randomBytes(9).toString("hex")}`;
const missing = (what: string): Refusal => new Refusal(404, "resource_missing", `No such ${what}`);
const wrong = (message: string): Refusal => new Refusal(400, "parameter_invalid", message);

export function makeShop(nowMs: () => number) {
  const customers = new Map<string, Customer>();
  const invoices = new Map<string, Invoice>();
  const subscriptions = new Map<
    string,
    { id: string; customer: string; prices: string[]; metadata: Readonly<Record<string, string>> }
  >();
  const prices = new Map<string, number>();
  const events: MeterEvent[] = [];
  const created = () => Math.floor(nowMs() / 1000);
  const customer = (of: string): Customer => {
    const found = customers.get(of);
    if (found === undefined || found.deleted) throw missing(`customer: ${of}`);
    return found;
  };
  const invoice = (of: string): Invoice => {
    const found = invoices.get(of);
    if (found === undefined) throw missing(`invoice: ${of}`);
    return found;
  };
  const inState = (found: Invoice, ...states: readonly Invoice["status"][]): Invoice => {
    if (!states.includes(found.status))
      throw new Refusal(400, "invoice_not_editable", `This invoice is ${found.status}`);
    return found;
  };

  return {
    ...{ customers, invoices, subscriptions, prices, events },
    customer,
    invoice,
    addCustomer(form: Form): Customer {
      const made: Customer = {
        ...{ id: id("cus"), created: created(), name: text(form, "name") ?? null, email: text(form, "email") ?? null },
        ...{ metadata: record(form, "metadata"), hasCard: false, deleted: false },
      };
      customers.set(made.id, made);
      return made;
    },
    addInvoice(form: Form): Invoice {
      const owner = customer(text(form, "customer") ?? "");
      const method = text(form, "collection_method") ?? "charge_automatically";
      const due = text(form, "due_date");
      if (method === "send_invoice" && due === undefined) throw wrong("due_date is missing");
      if (due !== undefined && (method !== "send_invoice" || Number(due) <= created()))
        throw wrong("due_date must be in the future");
      if (text(form, "pending_invoice_items_behavior") !== "exclude") throw wrong("it would take what else waits");
      const made: Invoice = {
        ...{ id: id("in"), created: created(), customer: owner.id, currency: text(form, "currency") ?? "usd" },
        ...{
          metadata: record(form, "metadata"),
          collection_method: method,
          due_date: due === undefined ? null : Number(due),
        },
        ...{ lines: [], status: "draft", auto_advance: text(form, "auto_advance") === "true" },
        ...{ attempts: 0, paid: 0, paidElsewhere: 0, credited: 0, refunded: 0 },
      };
      invoices.set(made.id, made);
      return made;
    },
    addLines(of: string, form: Form): Invoice {
      const found = inState(invoice(of), "draft");
      for (const line of list(form, "lines")) {
        const amount = Number(text(line, "amount"));
        if (!/^-?\d+$/.test(text(line, "amount") ?? "") || Object.is(amount, -0))
          throw wrong("Invalid integer: amount");
        found.lines.push({
          id: id("il"),
          amount,
          description: text(line, "description") ?? "",
          metadata: record(line, "metadata"),
        });
      }
      return found;
    },
    finalize(of: string, form: Form): Invoice {
      const found = inState(invoice(of), "draft");
      if (found.lines.length === 0) throw new Refusal(400, "invoice_no_customer_line_items", "Nothing to invoice");
      found.status = "open";
      found.auto_advance = text(form, "auto_advance") === "true";
      return found;
    },
    pay(of: string, form: Form): Invoice {
      const found = inState(invoice(of), "open", "uncollectible");
      if (text(form, "paid_out_of_band") !== "true") throw wrong("tests take cards by `charge`");
      Object.assign(found, { status: "paid", paid: totalOf(found), paidElsewhere: totalOf(found) });
      return found;
    },
    void(of: string): Invoice {
      const found = inState(invoice(of), "open", "uncollectible");
      found.status = "void";
      return found;
    },
    remove(of: string): object {
      inState(invoice(of), "draft");
      invoices.delete(of);
      return { id: of, object: "invoice", deleted: true };
    },
    credit(form: Form): { readonly id: string } {
      const found = inState(invoice(text(form, "invoice") ?? ""), "open", "paid");
      const [amount, refund, elsewhere] = ["amount", "refund_amount", "out_of_band_amount"].map((name) =>
        Number(text(form, name) ?? 0),
      ) as [number, number, number];
      if (amount > totalOf(found) - found.credited) throw wrong("more than is left of the invoice");
      if (found.status === "paid" && refund + elsewhere !== amount) throw wrong("the parts are not the amount");
      if (refund > found.paid - found.paidElsewhere - found.refunded) throw wrong("more than was charged");
      found.credited += amount;
      found.refunded += refund;
      return { id: id("cn") };
    },
    subscribe(form: Form) {
      const made = {
        ...{ id: id("sub"), customer: customer(text(form, "customer") ?? "").id, metadata: record(form, "metadata") },
        prices: list(form, "items").map((item) => text(item, "price") ?? ""),
      };
      subscriptions.set(made.id, made);
      return made;
    },
    /** The same identifier within a day counts once; later it is another event. */
    meter(form: Form): MeterEvent {
      const payload = record(form, "payload");
      const at = Number(text(form, "timestamp"));
      const [identifier, name, value] = [
        text(form, "identifier") ?? "",
        text(form, "event_name") ?? "",
        Number(payload.value),
      ];
      const ageMs = nowMs() - at * 1000;
      if (!Number.isInteger(value) || identifier === "" || identifier.length > 100) throw wrong("Invalid meter event");
      if (ageMs > 35 * 86_400_000 || ageMs < -300_000) throw new Refusal(400, "timestamp_too_far_in_past", "too old");
      const told = {
        identifier,
        name,
        customer: customer(payload.stripe_customer_id ?? "").id,
        value,
        at,
        toldAtMs: nowMs(),
      };
      const known = events.some((one) => one.identifier === identifier && nowMs() - one.toldAtMs < 86_400_000);
      if (known) throw new Refusal(400, "", `An event already exists with identifier ${identifier}.`);
      events.push(told);
      return told;
    },
    /** What a customer does at his page, or his bank. */
    charge(of: string, { fails = false }: { readonly fails?: boolean } = {}): Invoice {
      const found = inState(invoice(of), "open");
      found.attempts += 1;
      if (!fails) Object.assign(found, { status: "paid", paid: totalOf(found) });
      return found;
    },
  };
}
export type Shop = ReturnType<typeof makeShop>;

export const totalOf = ({ lines }: Invoice): number => lines.reduce((sum, { amount }) => sum + amount, 0);
