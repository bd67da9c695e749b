// The fast stack of Node: Fastify with its plugins for tokens and limits, its own compiled JSON Schema, and confirms
// of amqplib. One worker for each processor.
import cluster from 'node:cluster'
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import Fastify from 'fastify'
import jwt from '@fastify/jwt'
import rateLimit from '@fastify/rate-limit'
import { Redis } from 'ioredis'
import amqplib from 'amqplib'

const { PEER_LISTEN, PEER_REDIS, PEER_AMQP, PEER_QUEUE, PEER_SECRET, PEER_PATH, PEER_SCHEMA } = process.env

async function work() {
  const connection = await amqplib.connect(PEER_AMQP)
  const channel = await connection.createConfirmChannel()
  const publish = (body) => new Promise((resolve, reject) => channel.publish('', PEER_QUEUE, body,
    { persistent: true, contentType: 'application/json' }, (err) => (err ? reject(err) : resolve())))

  const app = Fastify({ ajv: { customOptions: { removeAdditional: false, coerceTypes: false, allowUnionTypes: true } } })
  app.setErrorHandler((err, req, reply) => reply.code(err.validation ? 422 : (err.statusCode ?? 500)).send({ title: err.message }))
  await app.register(jwt, { secret: PEER_SECRET, verify: { algorithms: ['HS256'], allowedIss: 'botgate', allowedAud: 'botgate' } })
  await app.register(rateLimit, {
    global: false, max: 6000, timeWindow: 60_000, redis: new Redis(PEER_REDIS), keyGenerator: (req) => req.user.sub,
  })
  app.post(PEER_PATH, {
    schema: { body: JSON.parse(readFileSync(PEER_SCHEMA, 'utf8')) },
    onRequest: [(req) => req.jwtVerify(), app.rateLimit()],
  }, async (req, reply) => {
    await publish(Buffer.from(JSON.stringify(req.body)))
    return reply.code(202).send({ status: 'accepted' })
  })
  const [host, port] = PEER_LISTEN.split(':')
  await app.listen({ host, port: Number(port) })
}

if (cluster.isPrimary) {
  for (let n = 0; n < availableParallelism(); n++) cluster.fork()
  process.on('SIGTERM', () => process.exit(0))
} else {
  await work()
}
