// What a caller of the API would write; it has to compile with what openapi-typescript makes of the document.
import createClient from "openapi-fetch";
import type { components, paths } from "./api.gen.ts";

type Status = components["schemas"]["Status"];

/** Sends a command with arguments of both kinds, and waits for what became of the event. */
export async function command(baseUrl: string, token: string): Promise<Status | undefined> {
  const client = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${token}` } });
  const path = { bot: "demo" };
  await client.POST("/v1/bots/{bot}/commands", { params: { path }, body: { command: "/hello", args: { to: "you" } } });
  const sent = await client.POST("/v1/bots/{bot}/commands", { params: { path }, body: { command: "/hello", args: ["you"] } });
  if (sent.error) throw new Error(sent.error.title);
  if (!sent.data) throw new Error("the answer of the bot, which only who prefers to wait gets");
  const event = await client.GET("/v1/events/{id}", { params: { path: { id: sent.data.id }, query: { wait: "30s" } } });
  const user = await client.GET("/v1/users/{user}", { params: { path: { user: "alice" } } });
  return user.data?.bots.length ? event.data?.status : undefined;
}
