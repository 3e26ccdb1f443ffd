/**
 * Answers PgBouncer's `auth_query` from the gates: a tiny Postgres server on a Unix socket, so that nobody is woken to check a
 * password and the roles of one database are never looked up in another.
 *
 * 1. Only who knows the responder's password is answered; its folder is closed to everybody but PgBouncer's user.
 * 2. An unknown role or database is answered like a known one, with a verifier that nothing satisfies.
 * 3. It runs no SQL: a question is compared, never executed.
 */
import { timingSafeEqual } from "node:crypto";
import { createServer, type Server, type Socket } from "node:net";
import { askedDatabase, authPrefix } from "./config.ts";
import {
  cancelRequest,
  complete,
  dataRow,
  type Frame,
  FrameReader,
  gssRequest,
  int32,
  message,
  protocol3,
  readPairs,
  readyForQuery,
  rowDescription,
  sslRequest,
  text,
} from "./frames.ts";

export type ResponderDeps = {
  readonly password: string;
  /** The verifier of a role as Postgres stores it, a made-up one where there is no such role or database. */
  readonly verifierOf: (id: string, role: string) => Promise<string>;
  /** Waits where a database gets more sign-ins than it may. */
  readonly pace: (id: string) => Promise<void>;
};

export type Responder = { listen(path: string): Promise<void>; close(): Promise<void> };

export function makeResponder(deps: ResponderDeps): Responder {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined).on("close", () => sockets.delete(socket));
    converse(socket, deps);
  });
  return {
    listen: (path) =>
      new Promise((resolve, reject) => {
        server.once("error", reject);
        server.listen(path, () => resolve());
      }),
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

type Conversation = { signedIn: boolean; question: string; argument: string };

/** One connection: messages are answered one after the other. */
function converse(socket: Socket, deps: ResponderDeps): void {
  const reader = new FrameReader({ startup: true, mostBytes: 10_000 });
  const state: Conversation = { signedIn: false, question: "", argument: "" };
  let last: Promise<void> = Promise.resolve();
  socket.on("data", (chunk) => {
    try {
      for (const frame of reader.push(chunk))
        last = last.then(async () => {
          const said = await answer(frame, state, deps, reader);
          if (said === "end") socket.end();
          else if (!socket.destroyed && said.length > 0) socket.write(said);
        });
      last = last.catch(() => void socket.destroy());
    } catch {
      socket.destroy();
    }
  });
}

const nothing = Buffer.alloc(0);

async function answer(
  { type, body }: Frame,
  state: Conversation,
  deps: ResponderDeps,
  reader: FrameReader,
): Promise<Buffer | "end"> {
  if (type === "") return greet(body, reader);
  if (type === "p" && !state.signedIn) return signIn(body, state, deps.password);
  if (type === "X" || !state.signedIn) return "end";
  switch (type) {
    case "Q": // settings of the client, or a look whether we are there: nothing here depends on them
      return Buffer.concat([complete("SET"), readyForQuery]);
    case "P":
      [, state.question = ""] = body.toString("utf8").split("\0");
      return nothing;
    case "B":
      state.argument = readArgument(body);
      return nothing;
    case "S":
      return look(state, deps);
    default: // Describe, Execute: what they ask for is in the answer to Sync
      return nothing;
  }
}

function greet(body: Buffer, reader: FrameReader): Buffer | "end" {
  const version = body.readInt32BE(0);
  if (version === sslRequest || version === gssRequest) {
    reader.expectStartup();
    return Buffer.from("N");
  }
  if (version === cancelRequest || version >> 16 !== protocol3 >> 16) return "end";
  const user = readPairs(body.subarray(4)).get("user") ?? "";
  return user.startsWith(authPrefix) ? message("R", int32(3)) : "end";
}

function signIn(body: Buffer, state: Conversation, password: string): Buffer | "end" {
  const [said, known] = [body.subarray(0, -1), Buffer.from(password)];
  if (said.length !== known.length || !timingSafeEqual(said, known)) return "end";
  state.signedIn = true;
  const version = message("S", text("server_version"), text("18"));
  return Buffer.concat([message("R", int32(0)), version, message("K", int32(0), int32(0)), readyForQuery]);
}

/** The one text parameter of a Bind. */
function readArgument(body: Buffer): string {
  const portal = body.indexOf(0) + 1;
  let at = body.indexOf(0, portal) + 1;
  at += 2 + 2 * body.readInt16BE(at);
  const count = body.readInt16BE(at);
  const length = count === 1 ? body.readInt32BE(at + 2) : -1;
  return length < 0 ? "" : body.toString("utf8", at + 6, at + 6 + length);
}

const parseComplete = message("1");
const bindComplete = message("2");
const columns = rowDescription(["name", "verifier"]);

async function look({ question, argument }: Conversation, { pace, verifierOf }: ResponderDeps): Promise<Buffer> {
  const id = askedDatabase(question) ?? "";
  await pace(id);
  const row = dataRow([argument, await verifierOf(id, argument)]);
  return Buffer.concat([parseComplete, bindComplete, columns, row, complete("SELECT 1"), readyForQuery]);
}
