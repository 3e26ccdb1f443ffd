import { type Form, record, text } from "./form.ts";
import { type Customer, type Invoice, type Line, Refusal, type Shop, totalOf } from "./shop.ts";

type About = { readonly account: string; readonly nowMs: number };
type Route = readonly [RegExp, (shop: Shop, form: Form, id: string, about: About) => object];

/** @throws Refusal */
export function answer(shop: Shop, name: string, form: Form, about: About): object {
  for (const [pattern, run] of routes) {
    const found = pattern.exec(name);
    if (found !== null) return run(shop, form, found[1] ?? "", about);
  }
  throw new Refusal(404, "", `Unrecognized request URL (${name})`);
}

const routes: readonly Route[] = [
  [/^GET \/v1\/account$/, (_shop, _form, _id, { account }) => ({ id: account, object: "account" })],
  [/^POST \/v1\/customers$/, (shop, form) => customerOut(shop.addCustomer(form))],
  [/^GET \/v1\/customers\/search$/, search],
  [/^GET \/v1\/customers$/, listCustomers],
  [
    /^GET \/v1\/customers\/(\w+)$/,
    ({ customers }, _form, id) => customerOut(known(customers.get(id), `customer: ${id}`)),
  ],
  [/^POST \/v1\/invoices$/, (shop, form) => invoiceOut(shop.addInvoice(form))],
  [/^GET \/v1\/invoices$/, listInvoices],
  [/^GET \/v1\/invoices\/(\w+)$/, (shop, _form, id) => invoiceOut(shop.invoice(id))],
  [/^DELETE \/v1\/invoices\/(\w+)$/, (shop, _form, id) => shop.remove(id)],
  [/^GET \/v1\/invoices\/(\w+)\/lines$/, (shop, form, id) => page(shop.invoice(id).lines.map(lineOut), form)],
  [/^POST \/v1\/invoices\/(\w+)\/add_lines$/, (shop, form, id) => invoiceOut(shop.addLines(id, form))],
  [/^POST \/v1\/invoices\/(\w+)\/finalize$/, (shop, form, id) => invoiceOut(shop.finalize(id, form))],
  [/^POST \/v1\/invoices\/(\w+)\/pay$/, (shop, form, id) => invoiceOut(shop.pay(id, form))],
  [/^POST \/v1\/invoices\/(\w+)\/void$/, (shop, _form, id) => invoiceOut(shop.void(id))],
  [/^POST \/v1\/credit_notes$/, (shop, form) => ({ object: "credit_note", ...shop.credit(form) })],
  [
    /^POST \/v1\/billing_portal\/sessions$/,
    (shop, form) => ({
      object: "billing_portal.session",
      url: `https://billing.stripe.test/${shop.customer(text(form, "customer") ?? "").id}`,
    }),
  ],
  [/^POST \/v1\/subscriptions$/, (shop, form) => ({ object: "subscription", ...shop.subscribe(form) })],
  [
    /^GET \/v1\/subscriptions$/,
    ({ subscriptions }, form) =>
      page(
        [...subscriptions.values()].filter(({ customer }) => customer === text(form, "customer")),
        form,
      ),
  ],
  [
    /^GET \/v1\/prices\/(\w+)$/,
    ({ prices }, _form, id) => ({ id, object: "price", unit_amount: known(prices.get(id), `price: ${id}`) }),
  ],
  [/^POST \/v1\/billing\/meter_events$/, (shop, form) => ({ object: "billing.meter_event", ...shop.meter(form) })],
  [/^GET \/v1\/billing\/meters\/(\w+)\/event_summaries$/, sums],
];

function known<T>(found: T | undefined, what: string): T {
  if (found === undefined) throw new Refusal(404, "resource_missing", `No such ${what}`);
  return found;
}

function page<T extends { readonly id: string }>(all: readonly T[], form: Form): object {
  const after = text(form, "starting_after");
  const from = after === undefined ? 0 : all.findIndex(({ id }) => id === after) + 1;
  const limit = Number(text(form, "limit") ?? 10);
  const data = all.slice(from, from + limit);
  return { object: "list", data, has_more: from + limit < all.length };
}

/** Newest first, as all lists there; a list misses nothing. */
function listInvoices({ invoices }: Shop, form: Form): object {
  const [customer, since] = [text(form, "customer"), Number(record(form, "created").gte ?? 0)];
  const found = [...invoices.values()].filter(
    (one) => (customer === undefined || one.customer === customer) && one.created >= since,
  );
  return page(found.reverse().map(invoiceOut), form);
}

function listCustomers({ customers }: Shop, form: Form): object {
  const since = Number(record(form, "created").gte ?? 0);
  const found = [...customers.values()].filter(({ created, deleted }) => !deleted && created >= since);
  return page(found.reverse().map(customerOut), form);
}

/** An index that is a minute behind. */
function search({ customers }: Shop, form: Form, _id: string, { nowMs }: About): object {
  const wanted = [...(text(form, "query") ?? "").matchAll(/metadata\['([^']+)'\]:'([^']*)'/g)];
  const found = [...customers.values()].filter(
    ({ metadata, created, deleted }) =>
      !deleted && nowMs - created * 1000 > 60_000 && wanted.every(([, name = "", value]) => metadata[name] === value),
  );
  return { object: "search_result", data: found.map(customerOut), has_more: false };
}

/** The meter `mtr_x` counts what is told under the name `x`. */
function sums({ events }: Shop, form: Form, id: string): object {
  const [from, to] = [Number(text(form, "start_time")), Number(text(form, "end_time"))];
  const counted = events.filter(
    ({ name, customer, at }) => `mtr_${name}` === id && customer === text(form, "customer") && at >= from && at < to,
  );
  const sum = counted.reduce((all, { value }) => all + value, 0);
  return page(
    counted.length === 0 ? [] : [{ id: "mtrusg", object: "billing.meter_event_summary", aggregated_value: sum }],
    form,
  );
}

const customerOut = (customer: Customer): { readonly id: string } =>
  customer.deleted
    ? ({ id: customer.id, object: "customer", deleted: true } as { readonly id: string })
    : ({
        ...{
          id: customer.id,
          object: "customer",
          created: customer.created,
          name: customer.name,
          email: customer.email,
        },
        ...{ metadata: customer.metadata, default_source: null, livemode: false },
        invoice_settings: { default_payment_method: customer.hasCard ? "pm_card" : null },
      } as { readonly id: string });

const lineOut = (line: Line) => ({ object: "line_item", ...line });

export function invoiceOut(invoice: Invoice): { readonly id: string } {
  const total = totalOf(invoice);
  const { id, created, customer, currency, metadata, status, attempts, paid, paidElsewhere, credited } = invoice;
  return {
    ...{ id, object: "invoice", created, customer, currency, metadata, status, total, livemode: false },
    ...{ amount_due: total, amount_paid: paid, amount_remaining: total - paid, amount_paid_off_stripe: paidElsewhere },
    ...{ post_payment_credit_notes_amount: status === "paid" ? credited : 0, attempt_count: attempts },
    hosted_invoice_url: status === "draft" ? null : `https://invoice.stripe.test/${id}`,
    lines: { object: "list", data: invoice.lines.slice(0, 10).map(lineOut), has_more: invoice.lines.length > 10 },
  } as { readonly id: string };
}
