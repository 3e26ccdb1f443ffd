import { randomUUID } from "node:crypto";
import { say } from "../output.ts";
import type { Row, SqlAnswer, SqlOptions, SqlPage, SqlTarget } from "./types.ts";

/** Runs a text. Ctrl-C cancels it at the server, and its answer says so; a second Ctrl-C leaves. */
export async function runSql(
  { client, path }: SqlTarget,
  sql: string,
  options: SqlOptions,
  cursor = false,
): Promise<SqlAnswer> {
  const request = randomUUID();
  const cancel = () => {
    process.once("SIGINT", leave);
    say("cancelling ...");
    client.send("POST", `${path}/sql/cancel`, { request }).catch(() => undefined);
  };
  process.once("SIGINT", cancel);
  try {
    return await client.send<SqlAnswer>("POST", `${path}/sql`, { ...options, sql, request, cursor });
  } finally {
    process.off("SIGINT", cancel).off("SIGINT", leave);
  }
}

const leave = () => process.exit(130);

/** The pages after the first, until the last or until somebody presses Ctrl-C. */
export async function* pagesAfter({ client, path }: SqlTarget, first: string): AsyncGenerator<readonly Row[]> {
  let cursor: string | null = first;
  let isWanted = true;
  const stop = () => {
    isWanted = false;
  };
  process.on("SIGINT", stop);
  try {
    while (cursor !== null && isWanted) {
      const page: SqlPage = await client.send<SqlPage>("POST", `${path}/sql/page`, { cursor });
      cursor = page.cursor;
      yield page.rows;
    }
  } finally {
    process.off("SIGINT", stop);
    if (cursor !== null) await client.send("POST", `${path}/sql/end`, { cursor }).catch(() => undefined);
  }
}
