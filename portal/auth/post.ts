import { asNebulaError } from "../../platform/core/index.ts";
import type { Mailer } from "../../platform/mail/index.ts";
import { claimMail, finishMail, mailQueued, postponeMail } from "../../platform/store/index.ts";
import type { Auth } from "./auth.ts";
import { writeLetter } from "./letters.ts";

/**
 * Sends what is queued, for as long as the process runs. Any number of portals may: a job is locked while it is sent.
 * A mail may come twice after a crash, never not at all: the job ends after the server took it. What fails is tried again for
 * a day, later and later.
 */
export type Post = { close(): Promise<void> };

const lookMs = 30_000;

export async function startPost(auth: Auth, mailer: Mailer): Promise<Post> {
  const { sql } = auth.identity;
  let closed = false;
  let running: Promise<void> | undefined;
  let again = false;
  const wake = (): void => {
    again = true;
    if (closed || running !== undefined) return;
    running = (async () => {
      while (again && !closed) {
        again = false;
        while (!closed && (await sendNext(auth, mailer).catch(() => false)));
      }
    })().finally(() => {
      running = undefined;
    });
  };
  const deaf = await sql.listen(mailQueued, wake);
  const timer = setInterval(wake, lookMs);
  wake();
  return {
    async close() {
      closed = true;
      clearInterval(timer);
      await deaf();
      await running;
    },
  };
}

/** Whether there was one. */
export async function sendNext({ identity, observe, publicUrl }: Auth, mailer: Mailer): Promise<boolean> {
  const failed: { job?: string; cause?: unknown } = {};
  const sent = await identity.sql
    .tx(async (tx) => {
      const job = await claimMail(tx);
      if (job === undefined) return undefined;
      failed.job = job.id;
      const letter = await writeLetter(tx, job, publicUrl);
      if (letter !== undefined) await mailer.send({ id: job.id, to: job.email, ...letter });
      await finishMail(tx, job.id);
      return { kind: job.kind, sent: letter !== undefined };
    })
    .catch((cause: unknown) => {
      failed.cause = cause;
      return undefined;
    });
  if (failed.cause === undefined) {
    if (sent?.sent) observe({ kind: "mail.sent", mail: sent.kind, via: mailer.via });
    return sent !== undefined;
  }
  if (failed.job === undefined) throw failed.cause;
  const { code, message } = asNebulaError(failed.cause);
  const willRetry = await postponeMail(identity.sql, failed.job);
  observe({ kind: "mail.failed", code, message, willRetry });
  return true;
}
