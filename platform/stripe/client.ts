import { createHash } from "node:crypto";
import type StripeLibrary from "stripe";
import { type Clock, guardedFetch } from "../core/index.ts";
import { isKnownEvent, isMissing, translated } from "./failures.ts";
import type { StripeSettings } from "./settings.ts";
import { type RemoteCustomer, type RemoteInvoice, toRemoteCustomer, toRemoteInvoice } from "./wire.ts";

export type { RemoteCustomer, RemoteInvoice } from "./wire.ts";

/** A line as Stripe gets it: rounded by us. */
export type RemoteLine = {
  /** Of our invoice: known again by it. */
  readonly position: number;
  readonly amount: number;
  readonly description: string;
};

/** Which thing of ours something there is. */
export type Tags = Readonly<Record<`nebula_${string}`, string>>;

/** What is asked of Stripe. Everything throws NEB562-564. */
export type Stripe = {
  readonly live: boolean;
  accountId(): Promise<string>;
  readonly customers: {
    /** undefined: there is none by that id, or it was deleted. */
    read(id: string): Promise<RemoteCustomer | undefined>;
    /** By our tags, oldest first. Never misses what was made. */
    find(tags: Tags): Promise<readonly RemoteCustomer[]>;
    create(of: { readonly name: string; readonly email: string | null; readonly tags: Tags }): Promise<RemoteCustomer>;
  };
  readonly invoices: {
    read(id: string): Promise<RemoteInvoice | undefined>;
    /** A customer's, or everybody's since a moment; newest first. Never misses what was made. */
    list(of: { readonly customer: string } | { readonly since: Date }): Promise<readonly RemoteInvoice[]>;
    /** An empty draft. */
    create(of: NewInvoice): Promise<RemoteInvoice>;
    /** Positions of the lines it has. */
    positions(id: string): Promise<readonly number[]>;
    addLines(id: string, lines: readonly RemoteLine[]): Promise<RemoteInvoice>;
    /** From then on it is collected. */
    finalize(id: string): Promise<RemoteInvoice>;
    payOutOfBand(id: string): Promise<RemoteInvoice>;
    void(id: string): Promise<RemoteInvoice>;
    deleteDraft(id: string): Promise<void>;
    /** Reverses one that is paid, as a whole: what was paid there is paid back there. */
    reverse(
      id: string,
      of: { readonly amount: number; readonly refund: number; readonly memo: string; readonly tags: Tags },
    ): Promise<void>;
  };
  /** A page where the customer sees to its cards and invoices; the address is good for minutes. */
  portalUrl(customer: string, returnUrl: string): Promise<string>;
  readonly subscriptions: {
    find(customer: string, tags: Tags): Promise<string | undefined>;
    create(of: { readonly customer: string; readonly prices: readonly string[]; readonly tags: Tags }): Promise<string>;
    /** Prices that are not nothing. */
    priced(prices: readonly string[]): Promise<readonly string[]>;
  };
  readonly usage: {
    /** The same identifier within a day counts once. */
    tell(of: {
      readonly event: string;
      readonly customer: string;
      readonly value: number;
      readonly id: string;
      readonly at: Date;
    }): Promise<void>;
    /** What was counted in an hour. Some minutes old. */
    sum(of: { readonly meter: string; readonly customer: string; readonly hour: Date }): Promise<number>;
  };
};

export type NewInvoice = {
  readonly customer: string;
  readonly currency: string;
  readonly collection: "charge_automatically" | "send_invoice";
  readonly dueAt: Date;
  readonly description: string;
  readonly tags: Tags;
};

export type StripeOptions = {
  readonly clock: Pick<Clock, "now">;
  /** For tests. Default: guarded, and only the configured host. */
  readonly fetch?: typeof fetch;
};

const timeoutMs = 20_000;
const hourMs = 3_600_000;

export function makeStripe(settings: StripeSettings, { clock, fetch = onlyTo(settings.url) }: StripeOptions): Stripe {
  let library: Promise<StripeLibrary> | undefined;
  // Large, and read when it is first asked: most installations take no payments.
  const open = async (): Promise<StripeLibrary> => {
    const { default: Library } = await import("stripe");
    return new Library(settings.key.reveal().trim(), {
      httpClient: Library.createFetchHttpClient(fetch),
      ...{ host: settings.url.hostname, protocol: settings.url.protocol === "http:" ? "http" : "https" },
      port: settings.url.port || (settings.url.protocol === "http:" ? 80 : 443),
      ...{ timeout: timeoutMs, maxNetworkRetries: 1, telemetry: false, appInfo: { name: "NebulaDB" } },
    });
  };
  const ask = <T>(what: string, body: (stripe: StripeLibrary) => Promise<T>): Promise<T> => {
    library ??= open();
    return translated(what, library.then(body));
  };
  /**
   * Two that do the same at the same time do it once. Stripe keeps an answer under its key for a day, its own failures too: so a key is
   * good for an hour, and whoever comes back after that has looked first.
   */
  const once = (...of: readonly unknown[]): { idempotencyKey: string } => {
    const hour = Math.floor(clock.now() / hourMs);
    return {
      idempotencyKey: `nebula-${createHash("sha256")
        .update(JSON.stringify([...of, hour]))
        .digest("hex")}`,
    };
  };

  return {
    live: settings.live,
    accountId: () => ask("the account", async ({ accounts }) => (await accounts.retrieveCurrent()).id),
    customers: {
      read: (id) =>
        orNone(ask(`customer ${id}`, async ({ customers }) => toRemoteCustomer(await customers.retrieve(id)))),
      find: (tags) =>
        ask("customers", async ({ customers }) => {
          const found = await customers.search({ query: queryOf(tags), limit: 100 });
          // A search is a minute behind, an hour on a bad day; a list is not.
          const since = seconds(clock.now() - hourMs);
          const newest = await customers
            .list({ created: { gte: since }, limit: 100 })
            .autoPagingToArray({ limit: 10_000 });
          return [...new Map([...found.data, ...newest].map((one) => [one.id, one])).values()]
            .flatMap((one) => toRemoteCustomer(one) ?? [])
            .filter((one) => Object.entries(tags).every(([name, value]) => one.tags[name] === value))
            .sort((a, b) => a.createdAt.getTime() - b.createdAt.getTime());
        }),
      create: ({ name, email, tags }) =>
        ask("a new customer", async ({ customers }) => {
          const made = { name, ...(email === null ? {} : { email }), metadata: { ...tags } };
          return toRemoteCustomer(await customers.create(made, once("customer", made))) as RemoteCustomer;
        }),
    },
    invoices: {
      read: (id) => orNone(ask(`invoice ${id}`, async ({ invoices }) => toRemoteInvoice(await invoices.retrieve(id)))),
      list: (of) =>
        ask("invoices", async ({ invoices }) => {
          const asked = "customer" in of ? { customer: of.customer } : { created: { gte: seconds(of.since) } };
          const found = await invoices.list({ ...asked, limit: 100 }).autoPagingToArray({ limit: 10_000 });
          return found.map(toRemoteInvoice);
        }),
      create: ({ customer, currency, collection, dueAt, description, tags }) =>
        ask("a new invoice", async ({ invoices }) => {
          const made = {
            ...{ customer, currency, description, metadata: { ...tags }, auto_advance: false },
            collection_method: collection,
            // Whatever else waits for this customer there is not ours to bill.
            pending_invoice_items_behavior: "exclude" as const,
            // A moment that is over is refused there; the same for an hour, as the key is.
            ...(collection === "send_invoice"
              ? { due_date: seconds(Math.max(dueAt.getTime(), (Math.floor(clock.now() / hourMs) + 2) * hourMs)) }
              : {}),
          };
          return toRemoteInvoice(await invoices.create(made, once("invoice", made)));
        }),
      positions: (id) =>
        ask(`lines of ${id}`, async ({ invoices }) => {
          const lines = await invoices.listLineItems(id, { limit: 100 }).autoPagingToArray({ limit: 1_000 });
          return lines.map(({ metadata }) => Number(metadata?.nebula_line ?? 0));
        }),
      addLines: (id, lines) =>
        ask(`lines of ${id}`, async ({ invoices }) => {
          const wanted = lines.map(({ position, amount, description }) => ({
            ...{ amount, description: description.slice(0, 500), discountable: false },
            metadata: { nebula_line: String(position) },
          }));
          return toRemoteInvoice(await invoices.addLines(id, { lines: wanted }, once("lines", id, wanted)));
        }),
      finalize: (id) =>
        ask(`invoice ${id}`, async ({ invoices }) =>
          toRemoteInvoice(await invoices.finalizeInvoice(id, { auto_advance: true }, once("finalize", id))),
        ),
      payOutOfBand: (id) =>
        ask(`invoice ${id}`, async ({ invoices }) =>
          toRemoteInvoice(await invoices.pay(id, { paid_out_of_band: true }, once("paid", id))),
        ),
      void: (id) =>
        ask(`invoice ${id}`, async ({ invoices }) =>
          toRemoteInvoice(await invoices.voidInvoice(id, {}, once("void", id))),
        ),
      deleteDraft: (id) => ask(`invoice ${id}`, async ({ invoices }) => void (await invoices.del(id))),
      reverse: (id, { amount, refund, memo, tags }) =>
        ask(`credit note of ${id}`, async ({ creditNotes }) => {
          const wanted = {
            ...{ invoice: id, amount, memo: memo.slice(0, 500), metadata: { ...tags } },
            ...(refund > 0 ? { refund_amount: refund } : {}),
            ...(amount > refund ? { out_of_band_amount: amount - refund } : {}),
          };
          await creditNotes.create(wanted, once("credit", wanted));
        }),
    },
    portalUrl: (customer, returnUrl) =>
      ask("the billing portal", async ({ billingPortal }) => {
        const { url } = await billingPortal.sessions.create({ customer, return_url: returnUrl });
        return url;
      }),
    subscriptions: {
      find: (customer, tags) =>
        ask("subscriptions", async ({ subscriptions }) => {
          const found = await subscriptions.list({ customer, limit: 100 }).autoPagingToArray({ limit: 1_000 });
          return found.find(({ metadata }) => Object.entries(tags).every(([name, value]) => metadata[name] === value))
            ?.id;
        }),
      create: ({ customer, prices, tags }) =>
        ask("a new subscription", async ({ subscriptions }) => {
          const wanted = { customer, items: prices.map((price) => ({ price })), metadata: { ...tags } };
          return (await subscriptions.create(wanted, once("subscription", wanted))).id;
        }),
      priced: (wanted) =>
        ask("prices", async ({ prices }) => {
          const found = await Promise.all(wanted.map((id) => prices.retrieve(id)));
          return found.flatMap(({ id, unit_amount: amount }) => (amount === 0 ? [] : [id]));
        }),
    },
    usage: {
      tell: ({ event, customer, value, id, at }) =>
        ask("usage", async ({ billing }) => {
          const payload = { stripe_customer_id: customer, value: String(value) };
          const told = { event_name: event, identifier: id, timestamp: seconds(at), payload };
          await billing.meterEvents.create(told, once("usage", told)).catch((thrown: unknown) => {
            if (!isKnownEvent(thrown)) throw thrown;
          });
        }),
      sum: ({ meter, customer, hour }) =>
        ask("sums of usage", async ({ billing }) => {
          const from = seconds(hour);
          const asked = { customer, start_time: from, end_time: from + 3_600, value_grouping_window: "hour" as const };
          const { data } = await billing.meters.listEventSummaries(meter, asked);
          return data.reduce((sum, { aggregated_value: value }) => sum + value, 0);
        }),
    },
  };
}

const seconds = (at: Date | number): number => Math.floor((typeof at === "number" ? at : at.getTime()) / 1000);

async function orNone<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (thrown) {
    if (isMissing(thrown)) return undefined;
    throw thrown;
  }
}

/** In Stripe's language of searches. Values are ours: names, numbers and ids. */
const queryOf = (tags: Tags): string =>
  Object.entries(tags)
    .map(([name, value]) => `metadata['${name}']:'${value.replaceAll(/['\\]/g, "")}'`)
    .join(" AND ");

/** Whoever sets another address than Stripe's means one in his own network: a proxy, or a test. */
function onlyTo({ host, hostname }: URL): typeof fetch {
  const policy = hostname.endsWith(".stripe.com") ? { hosts: [hostname] } : { hosts: [host], inside: [host] };
  return guardedFetch(policy, { timeoutMs, maxBytes: 8 * 1024 * 1024 });
}
