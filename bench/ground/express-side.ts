/**
 * The other side of bench/data-api: what a careful author writes by hand with `pg` and Express for the same four requests, in the same
 * transaction with the same role and claims, with prepared statements. Prints its port. Arguments: the database's URL, connections.
 */
import type { AddressInfo } from "node:net";
import express from "express";
import pg from "pg";

const [url = "", connections = "10"] = process.argv.slice(2);
const pool = new pg.Pool({ connectionString: url, max: Number(connections) });
const claims = JSON.stringify({ role: "authenticated", sub: "bench" });

async function inTransaction<T>(mode: string, body: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  try {
    await client.query(`begin ${mode}`);
    await client.query({
      name: "settings",
      text: `select set_config('search_path', $1, true), set_config('role', $2, true), set_config('request.jwt.claims', $3, true),
        set_config('statement_timeout', $4, true)`,
      values: ["public", "authenticated", claims, "30000"],
    });
    const value = await body(client);
    await client.query("commit");
    return value;
  } catch (thrown) {
    await client.query("rollback");
    throw thrown;
  } finally {
    client.release();
  }
}

const rowsOf = async (client: pg.PoolClient, name: string, text: string, values: unknown[]) =>
  (await client.query({ name, text, values })).rows;

const app = express();
app.disable("x-powered-by");
app.disable("etag");
app.use(express.json());
app.get("/items/:id", async (request, response) => {
  response.json(
    await inTransaction("read only", (client) =>
      rowsOf(client, "one", "select id, name, price, client_id from items where id = $1", [request.params.id]),
    ),
  );
});
app.get("/items", async (_request, response) => {
  response.json(
    await inTransaction("read only", (client) =>
      rowsOf(client, "list", "select id, name, price, client_id from items order by id limit $1", [100]),
    ),
  );
});
app.get("/clients/:id", async (request, response) => {
  const text = `select c.id, c.name, coalesce((select json_agg(json_build_object('id', i.id, 'name', i.name)) from items i where i.client_id = c.id), '[]') as items
    from clients c where c.id = $1`;
  response.json(await inTransaction("read only", (client) => rowsOf(client, "embed", text, [request.params.id])));
});
app.post("/orders", async (request, response) => {
  const { item_id, quantity } = request.body as { item_id: number; quantity: number };
  const text = "insert into orders (item_id, quantity) values ($1, $2) returning id, item_id, quantity";
  response.status(201).json(await inTransaction("", (client) => rowsOf(client, "insert", text, [item_id, quantity])));
});

const server = app.listen(0, "127.0.0.1", () => console.log((server.address() as AddressInfo).port));
