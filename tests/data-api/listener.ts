/** A client of a stream of server-sent events. */
import { request } from "node:http";

export type Heard = {
  readonly id: string;
  readonly event: string;
  readonly raw: string;
  readonly data: Readonly<Record<string, unknown>>;
};

export type Listener = { readonly status: number; readonly events: Heard[]; close(): void };

export const listen = (url: string, headers: Readonly<Record<string, string>>): Promise<Listener> =>
  new Promise((resolve, reject) => {
    const events: Heard[] = [];
    const asked = request(url, { headers: { accept: "text/event-stream", ...headers }, agent: false }, (response) => {
      let text = "";
      response.on("error", () => undefined);
      response.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
        const parts = text.split("\n\n");
        text = parts.pop() ?? "";
        events.push(...parts.flatMap(parsed));
      });
      resolve({ status: response.statusCode ?? 0, events, close: () => void asked.destroy() });
    });
    asked.on("error", reject).end();
  });

function parsed(part: string): readonly Heard[] {
  const fields = new Map(
    part.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)] as const),
  );
  const raw = fields.get("data");
  if (raw === undefined) return []; // a heartbeat
  const data = JSON.parse(raw) as Readonly<Record<string, unknown>>;
  return [{ id: fields.get("id") ?? "", event: fields.get("event") ?? "", raw, data }];
}
