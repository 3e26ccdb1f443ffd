import { Server, ServerCredentials } from "@grpc/grpc-js";
import type { Effects } from "./effects.ts";
import { makeService } from "./service.ts";
import { ResourceProviderService } from "./wire.ts";

export type ServedProvider = { readonly port: number; close(): void };

const channelOptions = { "grpc.max_receive_message_length": 400 * 1024 * 1024 };

/** Serves the provider on loopback. One server for one operation at a time: `effects` says whose right is used. */
export async function serveProvider(effects: () => Effects): Promise<ServedProvider> {
  const server = new Server(channelOptions);
  server.addService(ResourceProviderService, makeService(effects));
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
  return { port, close: () => server.forceShutdown() };
}
