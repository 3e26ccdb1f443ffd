/** A reconciler's pages of figures on a port of their own, as its web server has them. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { asNebulaError, toProblem } from "../../platform/core/index.ts";
import {
  type AnswerMetrics,
  type MetricsAnswer,
  type MetricsWeb,
  makeMetricsWeb,
} from "../../reconciler/metrics/index.ts";

export type Collector = {
  readonly address: string;
  /** Of every request that it was asked. */
  readonly asked: readonly string[];
  close(): Promise<void>;
};

/** `also`: what is answered before. */
export async function startCollector(
  parts: Omit<MetricsWeb, "address">,
  also: (path: string) => Promise<MetricsAnswer | undefined> = async () => undefined,
): Promise<Collector> {
  const asked: string[] = [];
  let address = "";
  let answer: AnswerMetrics = async () => undefined;
  const server = createServer(async (request, response) => {
    asked.push(request.url ?? "");
    try {
      const found = (await also(request.url ?? "")) ?? (await answer(request)) ?? nothing;
      response.writeHead(found.status, { "content-type": found.type }).end(found.body);
    } catch (thrown) {
      const error = asNebulaError(thrown);
      response
        .writeHead(error.status, { "content-type": "application/problem+json" })
        .end(JSON.stringify(toProblem(error)));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  answer = makeMetricsWeb({ ...parts, address });
  return {
    ...{ address, asked },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const nothing: MetricsAnswer = { status: 404, type: "text/plain", body: "" };
