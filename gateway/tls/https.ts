import type { RequestListener, ServerOptions } from "node:http";
import { createServer, type Server } from "node:https";
import type { SecureContextOptions } from "node:tls";

/** The certificate, and word of a newer one: connections that stand keep theirs. */
export type ServingTls = { current(): SecureContextOptions; onChange(listener: () => void): void };

/** HTTP 1.1 by TLS. The certificate does not hang on the client's SNI: who asks by an IP address sends none. */
export function makeHttpsServer(
  { current, onChange }: ServingTls,
  options: ServerOptions,
  on: RequestListener,
): Server {
  const server = createServer({ ...options, ...current(), ALPNProtocols: ["http/1.1"] }, on);
  onChange(() => server.setSecureContext(current()));
  return server;
}
