"""asyncpg as a tenant uses it, prepared statements and all. Arguments: keywords as JSON. Prints JSON."""
import asyncio, json, ssl, sys
import asyncpg

target = json.loads(sys.argv[1])
target.pop("pooled")
target["ssl"] = ssl.create_default_context(cafile=target.pop("ca"))


async def main():
    connection = await asyncpg.connect(**target)
    try:
        statement = await connection.prepare("select $1::int + n as sum from generate_series(1, 3) n")
        sums = [[row["sum"] for row in await statement.fetch(k)] for k in (10, 20)]
        async with connection.transaction():
            rows = [row async for row in connection.cursor("select n from generate_series(1, 250) n", prefetch=100)]
        try:
            await connection.fetch("select 1/0")
            code = None
        except asyncpg.PostgresError as error:
            code = error.sqlstate
        print(json.dumps({"sums": sums, "rows": len(rows), "code": code, "user": await connection.fetchval("select current_user::text")}))
    finally:
        await connection.close()


asyncio.run(main())
