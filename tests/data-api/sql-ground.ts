/** Ground for tests of the SQL endpoint: one real instance whose roles compute made, and a desk over it. */
import { randomUUID } from "node:crypto";
import {
  type Connect,
  makeConnect,
  makeSqlDesk,
  type SqlAnswer,
  type SqlCaller,
  type SqlDesk,
  type SqlDeskOptions,
  type SqlRequest,
} from "../../gateway/statements/index.ts";
import type { InstanceWanted } from "../../platform/compute/index.ts";
import { makeParser } from "../../platform/grammar/index.ts";
import { type Ground, makeGround, wish } from "../compute/ground.ts";
import { startingKeeper } from "../gateway/ground.ts";

export type SqlGround = {
  readonly ground: Ground;
  readonly wanted: InstanceWanted;
  readonly desk: SqlDesk;
  readonly connect: Connect;
  readonly reader: SqlCaller;
  readonly writer: SqlCaller;
  /** Reads, unless the rest says otherwise. */
  read(sql: string, rest?: Partial<SqlRequest>): Promise<SqlAnswer>;
  write(sql: string, rest?: Partial<SqlRequest>): Promise<SqlAnswer>;
  close(): Promise<void>;
};

export const requestOf = (sql: string, rest: Partial<SqlRequest> = {}): SqlRequest => ({
  ...{ request: randomUUID(), sql, parameters: [], mode: "read", transaction: "auto", explain: "none" },
  ...{ maxRows: 1000, maxBytes: 4_000_000, timeoutMs: 60_000, cursor: false, timeZone: null },
  ...rest,
});

export async function makeSqlGround(
  options: Omit<Partial<SqlDeskOptions>, "connect" | "parser"> = {},
): Promise<SqlGround> {
  const ground = await makeGround({ spares: 0 });
  const wanted = await wish();
  await ground.driver.ensure(wanted);
  const parser = makeParser({ timeoutMs: 60_000 });
  const connect = makeConnect({ dataDir: ground.dataDir, keeper: startingKeeper(ground) });
  const desk = makeSqlDesk({ ...options, connect, parser });
  const reader: SqlCaller = { database: wanted.id, user: "ada", level: "read" };
  const writer: SqlCaller = { ...reader, level: "write" };
  return {
    ...{ ground, wanted, desk, connect, reader, writer },
    read: (sql, rest) => desk.run(reader, requestOf(sql, rest)),
    write: (sql, rest) => desk.run(writer, requestOf(sql, { mode: "write", ...rest })),
    async close() {
      await desk.close();
      await parser.close();
      await ground.clear();
    },
  };
}

/** The rows of the only result. */
export const rowsOf = ({ problem, results }: SqlAnswer) => {
  if (problem !== null) throw new Error(`${problem.sqlstate} ${problem.message}`);
  return results.at(-1)?.rows ?? [];
};
