/** People at a portal over a real ledger: accounts, sign-ins, and the mailbox of a real SMTP server. */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { SMTPServer } from "smtp-server";
import { Secret } from "../../platform/core/index.ts";
import { makeMailer } from "../../platform/mail/index.ts";
import { insertUser, type User } from "../../platform/store/index.ts";
import { sendNext } from "../../portal/auth/index.ts";
import { eventually } from "../harness/eventually.ts";
import type { Answer, TestPortal } from "../portal/harness.ts";

export const goodPassword = "three brown foxes leap";

export async function addPerson(
  { sql, identity }: TestPortal,
  part: Partial<Pick<User, "email" | "name" | "platformAdmin">> & { password?: string; verified?: boolean } = {},
): Promise<User> {
  const email = part.email ?? `ada.${Math.random().toString(36).slice(2)}@shop.example`;
  const passwordHash = await identity.passwords.hash(part.password ?? goodPassword);
  const { name = "Ada", platformAdmin = false, verified = true } = part;
  const user = await insertUser(sql, { email, name, passwordHash, platformAdmin, emailVerified: verified });
  if (user === undefined) throw new Error(`${email} has an account already`);
  return user;
}

export const post = (portal: TestPortal, path: string, body: unknown = {}, headers: Record<string, string> = {}) =>
  portal.as("").send("POST", `/api/v1/auth${path}`, body, headers);

export const signIn = (portal: TestPortal, email: string, password = goodPassword): Promise<Answer> =>
  post(portal, "/login", { email, password });

export type Mailbox = {
  readonly url: Secret;
  /** What arrived, oldest first. */
  readonly mails: { readonly to: string; readonly text: string }[];
  /** Answers every mail with an error until it is called again. */
  refuse(refusing: boolean): void;
  close(): Promise<void>;
};

export async function startMailbox(): Promise<Mailbox> {
  const mails: { to: string; text: string }[] = [];
  let refusing = false;
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ["STARTTLS"],
    onData(stream, session, done) {
      text(stream).then((body) => {
        if (refusing) return done(Object.assign(new Error("try later"), { responseCode: 451 }));
        mails.push({ to: session.envelope.rcptTo.map(({ address }) => address).join(), text: decode(body) });
        done();
      }, done);
    },
  });
  server.listen(0, "127.0.0.1");
  await once(server.server, "listening");
  const { port } = server.server.address() as AddressInfo;
  return {
    url: new Secret(`smtp://127.0.0.1:${port}`),
    mails,
    refuse(now) {
      refusing = now;
    },
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

/** Sends everything that is queued. */
export async function sendAll(portal: TestPortal, { url }: Mailbox): Promise<void> {
  const mailer = makeMailer({ url, from: "NebulaDB <nebuladb@nebula.example>", folder: "" });
  while (await sendNext(portal.auth, mailer));
  mailer.close();
}

/** The one-time token in the newest mail to somebody. */
export const tokenTo = (mailbox: Mailbox, email: string): Promise<string> =>
  eventually(`a token for ${email}`, () => {
    const newest = mailbox.mails.findLast(({ to }) => to === email);
    return /nde_\w+[\w-]*/.exec(newest?.text ?? "")?.[0];
  });

/** nodemailer breaks long lines with `=`. */
const decode = (mail: string): string => mail.replaceAll("=\r\n", "").replaceAll("=3D", "=");
