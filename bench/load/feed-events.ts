// Puts user.verified events onto Kafka at a steady rate, as the verification function would: what comes after it is then
// measured alone.
import { Kafka, logLevel, Partitioners } from 'kafkajs'
import { toUserVerified } from '../../shared/events.ts'
import { makeUpload, makeVerified } from './workload.ts'

/** Events that Kafka has acknowledged, and when (ms since the run began), a few at a time. */
export type FedLog = { sent: number; readonly slices: { readonly at: number; readonly count: number }[] }

const sliceMilliseconds = 100

/** @param start of the run, by `performance.now()` */
export async function feedEvents(
  target: { readonly brokers: string; readonly topic: string },
  work: { readonly run: string; readonly users: number; readonly rate: number; readonly seconds: number },
  start: number,
  log: FedLog,
  signal: AbortSignal,
): Promise<void> {
  const kafka = new Kafka({ brokers: target.brokers.split(','), clientId: 'load', logLevel: logLevel.NOTHING })
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner })
  await producer.connect()
  const total = work.rate * work.seconds
  try {
    while (log.sent < total && !signal.aborted) {
      const due = Math.min(total, Math.ceil(((performance.now() - start) / 1000) * work.rate))
      if (due > log.sent) {
        const now = new Date()
        const messages = Array.from({ length: due - log.sent }, (_, at) =>
          toUserVerified(makeVerified(makeUpload(work.run, work.users, log.sent + at), now)),
        )
        await producer.send({ topic: target.topic, acks: -1, messages })
        log.slices.push({ at: performance.now() - start, count: due - log.sent })
        log.sent = due
      }
      await new Promise((resolve) => setTimeout(resolve, sliceMilliseconds))
    }
  } finally {
    await producer.disconnect()
  }
}
