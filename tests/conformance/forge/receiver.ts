import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

export type Received = {
  readonly event: string;
  readonly delivery: string;
  readonly signature: string;
  readonly body: string;
  readonly payload: Readonly<Record<string, unknown>>;
};

export type Receiver = {
  readonly url: string;
  readonly received: readonly Received[];
  answer: number;
  /** It answers when this resolves. */
  hold: Promise<void>;
};

/** Lends an address on loopback that writes down every webhook it gets and answers with `answer`. */
export async function withReceiver<T>(body: (receiver: Receiver) => Promise<T>): Promise<T> {
  const received: Received[] = [];
  const server = createServer(async (request, response) => {
    const raw = await text(request);
    const header = (name: string) => String(request.headers[name] ?? "");
    received.push({
      event: header("x-github-event"),
      delivery: header("x-github-delivery"),
      signature: header("x-hub-signature-256"),
      body: raw,
      payload: JSON.parse(raw),
    });
    await receiver.hold;
    response.writeHead(receiver.answer).end("heard");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const receiver: Receiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    received,
    answer: 200,
    hold: Promise.resolve(),
  };
  try {
    return await body(receiver);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}
