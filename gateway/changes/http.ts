/** Webhooks as the portal asks for them, below a database's address: `POST webhooks/v1/list`, `/deliveries`, `/replay`. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { z } from "zod";
import { asNebulaError, type Observe, reportFault, toProblem } from "../../platform/core/index.ts";
import type { DatabaseId } from "../../platform/spec/index.ts";
import { outward } from "../keeper/index.ts";
import type { Changes } from "./changes.ts";
import { webhookBadRequest } from "./errors.ts";

const number = z.string().regex(/^\d{1,18}$/);
const deliveriesBody = z.strictObject({
  webhook: z.string().max(100).nullable(),
  state: z.enum(["waiting", "delivered", "dead", "dropped"]).nullable(),
  before: number.nullable(),
  limit: z.int().min(1).max(200),
});
const replayBody = z.strictObject({
  webhook: z.string().max(100),
  numbers: z.array(number).min(1).max(1000).nullable(),
});

export type WebhookHttpOptions = {
  readonly changes: Pick<Changes, "webhooks" | "deliveries" | "replay">;
  /** Whom the portal's token names. @throws what it is refused with. */
  readonly verify: (token: string) => Promise<{ readonly database: DatabaseId; readonly level: "read" | "write" }>;
  readonly observe: Observe;
};

/** False: the path is not ours. */
export type WebhookHttp = (
  request: IncomingMessage,
  response: ServerResponse,
  route: { readonly path: string; readonly database: string | undefined },
) => Promise<boolean>;

type Asked = { readonly id: DatabaseId; readonly level: "read" | "write"; readonly body: unknown };

export const makeWebhookHttp =
  ({ changes, verify, observe }: WebhookHttpOptions): WebhookHttp =>
  async (request, response, { path, database }) => {
    if (!path.startsWith("/webhooks/")) return false;
    try {
      const token = /^Bearer (\S+)$/i.exec(request.headers.authorization ?? "")?.[1] ?? "";
      const caller = await verify(token);
      if (caller.database !== database || request.method !== "POST") throw webhookBadRequest("there is nothing here");
      const asked = { id: caller.database, level: caller.level, body: await readBody(request) };
      send(response, 200, await answer(changes, path, asked));
    } catch (thrown) {
      const fault = asNebulaError(thrown);
      if (fault.status >= 500) reportFault(observe, "webhooks.request", thrown, database ?? "");
      send(response, fault.status, { ...toProblem(outward(fault)), retry: fault.retry });
    }
    return true;
  };

async function answer(changes: WebhookHttpOptions["changes"], path: string, { id, level, body }: Asked) {
  switch (path) {
    case "/webhooks/v1/list":
      return { webhooks: await changes.webhooks(id) };
    case "/webhooks/v1/deliveries":
      return { deliveries: await changes.deliveries(id, parsed(deliveriesBody, body)) };
    case "/webhooks/v1/replay": {
      if (level !== "write") throw webhookBadRequest("the token only reads");
      const { webhook, numbers } = parsed(replayBody, body);
      return { replayed: await changes.replay(id, webhook, numbers) };
    }
    default:
      throw webhookBadRequest("there is nothing here");
  }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  if (response.destroyed) return;
  const bytes = Buffer.from(JSON.stringify(body));
  const type = status < 400 ? "application/json" : "application/problem+json";
  response.writeHead(status, { "content-type": type, "content-length": bytes.length, "cache-control": "no-store" });
  response.end(bytes);
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  let text = "";
  for await (const chunk of request as AsyncIterable<Buffer>) {
    text += chunk.toString("utf8");
    if (text.length > 100_000) throw webhookBadRequest("the body is too long");
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw webhookBadRequest("the body is not JSON", { cause });
  }
}

function parsed<S extends z.ZodType>(schema: S, body: unknown): z.output<S> {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  throw webhookBadRequest(result.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; "));
}
