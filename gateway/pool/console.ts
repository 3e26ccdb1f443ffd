/** PgBouncer's admin console over its Unix socket: one command after the other on one connection, whose end is PgBouncer's end. */
import { connect, type Socket } from "node:net";
import { consoleUser } from "./config.ts";
import { consoleFailed } from "./errors.ts";
import { type Frame, FrameReader, int32, message, protocol3, readColumns, readError, readRow, text } from "./frames.ts";

export type ConsoleRow = Readonly<Record<string, string | null>>;

export type PoolConsole = {
  /** @throws NEB722 with what PgBouncer said, or when the connection ends. */
  ask(command: string): Promise<readonly ConsoleRow[]>;
  /** Settles when the connection has ended, whoever ended it. */
  readonly ended: Promise<void>;
  close(): void;
};

type Asked = {
  readonly rows: ConsoleRow[];
  columns: string[];
  problem: string | undefined;
  settle(problem?: string): void;
};

/** @throws NEB722 when nobody answers within the time, or does not let us in. */
export async function openConsole(path: string, password: string, timeoutMs = 2_000): Promise<PoolConsole> {
  const socket = connect(path);
  const reader = new FrameReader({ mostBytes: 2 ** 28 });
  const waiting: Asked[] = [];
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  const fail = (problem: string) => {
    for (const asked of waiting.splice(0)) asked.settle(asked.problem ?? problem);
  };
  const expect = (): Promise<readonly ConsoleRow[]> =>
    new Promise((resolve, reject) => {
      const asked: Asked = {
        rows: [],
        columns: [],
        problem: undefined,
        settle: (problem) => (problem === undefined ? resolve(asked.rows) : reject(consoleFailed(problem))),
      };
      waiting.push(asked);
    });
  socket.on("data", (chunk) => {
    try {
      for (const frame of reader.push(chunk)) take(frame, socket, waiting, password);
    } catch {
      socket.destroy();
    }
  });
  socket.on("error", (problem) => fail(problem.message));
  socket.on("close", () => {
    fail("PgBouncer ended the connection");
    end();
  });
  const signedIn = expect();
  const pairs = ["user", consoleUser, "database", "pgbouncer", "application_name", "nebuladb", ""];
  socket.write(message("", int32(protocol3), ...pairs.map(text)));
  const timer = setTimeout(() => socket.destroy(), timeoutMs);
  try {
    await signedIn;
  } catch (thrown) {
    socket.destroy();
    throw thrown;
  } finally {
    clearTimeout(timer);
  }
  return {
    ask(command) {
      if (socket.destroyed) return Promise.reject(consoleFailed("PgBouncer ended the connection"));
      socket.write(message("Q", text(command)));
      return expect();
    },
    ended,
    close: () => void socket.destroy(),
  };
}

function take({ type, body }: Frame, socket: Socket, waiting: Asked[], password: string): void {
  const [asked] = waiting;
  if (asked === undefined) return;
  if (type === "R" && body.readInt32BE(0) === 3) socket.write(message("p", text(password)));
  else if (type === "T") asked.columns = readColumns(body);
  else if (type === "D")
    asked.rows.push(Object.fromEntries(readRow(body).map((value, i) => [asked.columns[i], value])));
  else if (type === "E") asked.problem = readError(body);
  else if (type === "Z") {
    waiting.shift();
    asked.settle(asked.problem);
  }
}
