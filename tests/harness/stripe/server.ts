/**
 * Stripe as far as we rely on it, over its own wire: form bodies, versions, idempotency keys that are known for a day by the test's clock,
 * errors, pages, searches that are a minute behind, signed webhooks. What cannot run here is the real one; its shapes are tried against
 * `stripe-mock` where that is built.
 *
 * 1. An answer is kept under its key, failures of the server too; the same key with another body is refused.
 * 2. What a request changed stays changed when its answer does not arrive.
 */
import { createHmac, randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text as readText } from "node:stream/consumers";
import { parseForm } from "./form.ts";
import { answer } from "./routes.ts";
import { makeShop, Refusal, type Shop } from "./shop.ts";

/** What becomes of a request instead of what should. */
export type Mishap = "refused" | "lost before" | "lost after" | "failed after" | "slow down";

export type FakeStripe = {
  readonly shop: Shop;
  readonly url: string;
  readonly account: string;
  readonly key: string;
  readonly webhookSecret: string;
  /** `POST /v1/invoices` and the like, in order; replays and mishaps too. */
  readonly requests: string[];
  /** Asked for each request. */
  mishap: (request: string) => Mishap | undefined;
  /** An event about something, as it is posted to an endpoint. */
  event(
    type: string,
    object: object,
    more?: { readonly id?: string; readonly account?: string; readonly livemode?: boolean },
  ): SignedEvent;
  sign(body: string, more?: { readonly secret?: string; readonly atMs?: number }): string;
  close(): Promise<void>;
};

export type SignedEvent = { readonly id: string; readonly body: string; readonly signature: string };

const dayMs = 86_400_000;

export async function startStripe(nowMs: () => number): Promise<FakeStripe> {
  const shop = makeShop(nowMs);
  const kept = new Map<string, Kept>();
  const server = createServer((request, response) => {
    handle(request, response).catch(() => response.destroy());
  });

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "http://stripe.test");
    const body = await readText(request);
    const name = `${request.method} ${url.pathname}`;
    fake.requests.push(name);
    if (request.headers.authorization !== `Bearer ${fake.key}`)
      return send(response, 401, {
        error: { type: "invalid_request_error", message: `Invalid API Key provided: ${fake.key.slice(0, 8)}****` },
      });
    if (!/^\d{4}-\d\d-\d\d\.\w+$/.test(String(request.headers["stripe-version"])))
      return send(response, 400, { error: { message: "no version" } });
    const mishap = fake.mishap(name);
    if (mishap === "lost before") return void request.socket.destroy();
    if (mishap === "slow down")
      return send(response, 429, { error: { type: "api_error", code: "lock_timeout", message: "slow down" } });
    const key = request.method === "POST" ? request.headers["idempotency-key"] : undefined;
    const known = typeof key === "string" ? kept.get(key) : undefined;
    if (known !== undefined && nowMs() - known.atMs < dayMs) {
      if (mishap === "lost after") return void request.socket.destroy();
      if (known.asked !== name + body)
        return send(response, 400, {
          error: {
            type: "idempotency_error",
            message: "Keys for idempotent requests can only be used with the same parameters",
          },
        });
      return send(response, known.status, known.answered, { "idempotent-replayed": "true" });
    }
    const done =
      mishap === "refused" ? refusalOf(new Refusal(400, "parameter_invalid", "no")) : attempt(name, url, body);
    const ended =
      mishap === "failed after" ? { status: 500, answered: { error: { type: "api_error", message: "sorry" } } } : done;
    // What was refused before it began is not kept; all else is.
    if (typeof key === "string" && (ended.status < 400 || ended.status >= 500))
      kept.set(key, { asked: name + body, atMs: nowMs(), ...ended });
    if (mishap === "lost after") return void request.socket.destroy();
    send(response, ended.status, ended.answered);
  }

  const attempt = (name: string, url: URL, body: string): Ended => {
    try {
      const form = parseForm(body === "" ? url.search.slice(1) : body);
      return { status: 200, answered: answer(shop, name, form, { account: fake.account, nowMs: nowMs() }) };
    } catch (thrown) {
      if (thrown instanceof Refusal) return refusalOf(thrown);
      throw thrown;
    }
  };

  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const fake: FakeStripe = {
    ...{ shop, url: `http://127.0.0.1:${port}`, account: "acct_nebula", requests: [], mishap: () => undefined },
    ...{ key: `sk_test_${randomBytes(12).toString("hex")}`, webhookSecret: `whsec_${randomBytes(16).toString("hex")}` },
    event(type, object, { id = `evt_${randomBytes(9).toString("hex")}`, account, livemode = false } = {}) {
      const created = Math.floor(nowMs() / 1000);
      const event = {
        id,
        object: "event",
        type,
        created,
        livemode,
        api_version: "2026-10-28.endive",
        data: { object },
      };
      const body = JSON.stringify(account === undefined ? event : { ...event, account });
      return { id, body, signature: fake.sign(body) };
    },
    sign(body, { secret = fake.webhookSecret, atMs = nowMs() } = {}) {
      const seconds = Math.floor(atMs / 1000);
      return `t=${seconds},v1=${createHmac("sha256", secret).update(`${seconds}.${body}`).digest("hex")}`;
    },
    async close() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
  return fake;
}

type Ended = { readonly status: number; readonly answered: object };
type Kept = Ended & { readonly asked: string; readonly atMs: number };

const refusalOf = ({ status, code, message }: Refusal): Ended => ({
  status,
  answered: { error: { type: "invalid_request_error", ...(code === "" ? {} : { code }), message } },
});

function send(response: ServerResponse, status: number, body: object, headers: Record<string, string> = {}): void {
  const bytes = Buffer.from(JSON.stringify(body));
  response.writeHead(status, {
    ...headers,
    "content-type": "application/json",
    "content-length": bytes.length,
    "request-id": "req_test",
  });
  response.end(bytes);
}
