import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createTransport } from "nodemailer";
import { badConfig, type Secret } from "../core/index.ts";

export type Mail = {
  /** The same for every attempt to send it: a mailbox that got it twice can tell. */
  readonly id: string;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  /** The same for readers who show it; without scripts, and with nothing that is fetched. */
  readonly html?: string;
  readonly attachments?: readonly { readonly name: string; readonly type: string; readonly content: Buffer }[];
};

export type Mailer = {
  /** Where mails go: to a server, or into a folder where a person at this machine reads them. */
  readonly via: "smtp" | "folder";
  /** @throws what the server answered; the caller tries again later. */
  send(mail: Mail): Promise<void>;
  close(): void;
};

export type MailerOptions = {
  /** `smtp://user:password@host:587` or `smtps://...`; undefined: `folder`. */
  readonly url: Secret | undefined;
  readonly from: string;
  readonly folder: string;
};

export const makeMailer = (options: MailerOptions): Mailer =>
  options.url === undefined ? folderMailer(options) : smtpMailer(options.url, options.from);

/** @throws NEB901 when the address is none of an SMTP server. */
function smtpMailer(url: Secret, from: string): Mailer {
  const server = URL.parse(url.reveal());
  if (server === null || !/^smtps?:$/.test(server.protocol) || server.hostname === "")
    throw badConfig("NEBULA_SMTP_URL must be smtp://[user:password@]host[:port] or smtps://...");
  const secure = server.protocol === "smtps:";
  const transport = createTransport({
    host: server.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: server.port === "" ? (secure ? 465 : 587) : Number(server.port),
    secure,
    // Passwords and one-time tokens cross no network in clear.
    requireTLS: !secure && !isLoopback(server.hostname),
    ...(isLoopback(server.hostname) ? { tls: { rejectUnauthorized: false } } : {}),
    ...(server.username === ""
      ? {}
      : { auth: { user: decodeURIComponent(server.username), pass: decodeURIComponent(server.password) } }),
    connectionTimeout: 10_000,
    greetingTimeout: 10_000,
    socketTimeout: 20_000,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return {
    via: "smtp",
    async send(mail) {
      await transport.sendMail(toMessage(mail, from));
    },
    close: () => transport.close(),
  };
}

/** One .eml file a mail: the local default, with which everything that needs a mailbox can be tried. */
function folderMailer({ from, folder }: MailerOptions): Mailer {
  const transport = createTransport({ streamTransport: true, buffer: true, newline: "unix" });
  return {
    via: "folder",
    async send(mail) {
      const sent = await transport.sendMail(toMessage(mail, from));
      const { message } = sent as unknown as { readonly message: Buffer };
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      const file = join(
        folder,
        `${new Date().toISOString().replaceAll(":", "-")}-${mail.id.replaceAll(/[^\w.-]/g, "_")}.eml`,
      );
      writeFileSync(`${file}.new`, message, { mode: 0o600 });
      renameSync(`${file}.new`, file);
    },
    close: () => transport.close(),
  };
}

const toMessage = ({ id, to, subject, text, html, attachments = [] }: Mail, from: string) => ({
  ...{ from, to, subject, text, messageId: messageId(id, from), headers: automatic },
  ...(html === undefined ? {} : { html }),
  attachments: attachments.map(({ name, type, content }) => ({ filename: name, contentType: type, content })),
});

/** Of the sender's domain and not of this machine: another one that sends it again must say the same. */
const messageId = (id: string, from: string): string =>
  `<${id.replaceAll(/[^\w.-]/g, "_")}@${/@([\w.-]+)>?\s*$/.exec(from)?.[1] ?? "nebuladb"}>`;

/** RFC 3834: out-of-office notes need not be sent to us. */
const automatic = { "Auto-Submitted": "auto-generated" };

const isLoopback = (host: string): boolean => /^(localhost|127(\.\d+){3}|\[::1\])$/.test(host);
