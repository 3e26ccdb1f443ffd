import { once } from "node:events";
import { chmod } from "node:fs/promises";
import { createServer, isIP, connect as openTcp, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { connect as openTls } from "node:tls";
import type { Address } from "../core/index.ts";
import { importImpossible } from "./errors.ts";
import type { Source } from "./source.ts";
import { withoutChannelBinding } from "./unbound.ts";

/** A Unix socket of ours that is the source: programs built without TLS reach it there, and only at the address that was judged. */
export type Way = {
  /** Why the last session did not come about, where that is known. */
  fault(): Error | undefined;
  close(): Promise<void>;
};

const sslRequest = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);

export async function openWay(source: Source, { address }: Address, folder: string): Promise<Way> {
  let fault: Error | undefined;
  const open = new Set<Socket>();
  const server: Server = createServer((inside) => {
    const keep = (socket: Socket) => {
      open.add(socket.on("error", () => socket.destroy()).on("close", () => open.delete(socket)));
      return socket;
    };
    keep(inside);
    const raw = keep(openTcp({ host: address, port: source.port, timeout: 0 }));
    secured(source, raw).then(
      (outside) => {
        keep(outside);
        inside.pipe(outside);
        (outside === raw ? outside : outside.pipe(withoutChannelBinding())).pipe(inside);
        const end = () => {
          inside.destroy();
          outside.destroy();
        };
        inside.once("close", end);
        outside.once("close", end);
      },
      (thrown: Error) => {
        fault = thrown;
        inside.destroy();
        raw.destroy();
      },
    );
  });
  const path = join(folder, ".s.PGSQL.5432");
  server.listen(path);
  await once(server, "listening");
  await chmod(path, 0o666); // the folder is closed to everybody else
  return {
    fault: () => fault,
    close: async () => {
      for (const socket of open) socket.destroy();
      await new Promise((done) => server.close(done));
    },
  };
}

/** The connection as the source's sslmode wants it. */
async function secured({ host, port, sslMode }: Source, raw: Socket): Promise<Socket> {
  await connected(raw, `${host}:${port}`);
  if (sslMode === "disable") return raw;
  raw.write(sslRequest);
  const [answer] = (await once(raw, "data")) as [Buffer];
  // One byte, and nothing behind it: what comes before TLS is not to be believed.
  if (answer.length !== 1 || (answer[0] !== 0x53 && answer[0] !== 0x4e))
    throw importImpossible(`${host}:${port} is no Postgres server`);
  if (answer[0] === 0x4e) {
    if (sslMode === "prefer") return raw;
    throw importImpossible(`${host}:${port} speaks no TLS, and sslmode=${sslMode} asks for it`);
  }
  const verified = sslMode === "verify-full";
  const secure = openTls({
    socket: raw,
    ...(isIP(host) === 0 ? { servername: host } : {}),
    host,
    minVersion: "TLSv1.2",
    rejectUnauthorized: verified,
  });
  await once(secure, "secureConnect").catch((cause: Error) => {
    throw importImpossible(`the certificate of ${host}:${port} was not accepted: ${cause.message}`, { cause });
  });
  return secure;
}

async function connected(raw: Socket, where: string): Promise<void> {
  const late = setTimeout(() => raw.destroy(new Error("it did not answer within 10 s")), 10_000);
  await once(raw, "connect")
    .catch((cause: Error) => {
      throw importImpossible(`${where} cannot be reached: ${cause.message}`, { cause });
    })
    .finally(() => clearTimeout(late));
}
