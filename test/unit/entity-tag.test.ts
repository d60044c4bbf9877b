// Conditional GET: what of If-None-Match means that the client has the answer, and what 304 carries.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { answerTagged, tagBody } from '../../shared/entity-tag.ts'
import { makeHttpEvent } from '../support/fakes.ts'

const content = tagBody('{"a":1}')
const kept = { 'cache-control': 'private, no-cache', vary: 'Authorization' }
const ask = (...values: string[]) =>
  answerTagged(
    makeHttpEvent({ multiValueHeaders: values.length === 0 ? {} : { 'if-none-match': values } }),
    content,
    { 'content-type': 'application/json' },
    kept,
  )
const fresh = { statusCode: 200, headers: { 'content-type': 'application/json', etag: content.etag, ...kept } }
const notModified = { statusCode: 304, headers: { etag: content.etag, ...kept }, body: '' }

describe('If-None-Match', () => {
  const { etag } = content
  it.each([
    ['nothing', []],
    ['an empty one', ['']],
    ['the tag of something else', ['"old"']],
    ['the tag without its quotes', [etag.slice(1, -1)]],
    ['a star in quotes, which is a tag', ['"*"']],
    ['a tag that holds a star between commas', ['"a,*,b"']],
    ['a tag that holds ours', [`"a,${etag.slice(1, -1)},b"`]],
    ['half of the tag', [etag.slice(0, 20)]],
  ])('%s is 200', (_, values) => {
    expect(ask(...values)).toEqual({ ...fresh, body: '{"a":1}' })
  })

  it.each([
    ['the tag', [etag]],
    ['the tag, called weak by a cache on the way', [`W/${etag}`]],
    ['one of a list', [`"old", W/${etag}`]],
    ['one of a list without spaces, beside a tag with a comma', [`"a,b",${etag},""`]],
    ['the header twice', ['"old"', etag]],
    ['a star', ['*']],
    ['a star and spaces', [' * ']],
  ])('%s is 304: tag and how long to keep it, no body, no type of one', (_, values) => {
    expect(ask(...values)).toEqual(notModified)
  })

  it('is read by its name in any case, of the single headers too', () => {
    for (const name of ['If-None-Match', 'if-none-match', 'IF-NONE-MATCH']) {
      const event = makeHttpEvent({ headers: { [name]: etag } })
      expect(answerTagged(event, content, {}, kept)).toEqual(notModified)
    }
  })

  it('finds the tag in every list that has it, and in no other', () => {
    const opaque = fc.string({ unit: fc.constantFrom('a', ',', '*', ' ', 'W', '/', '\u00e9'), maxLength: 6 })
    // A space may not stand in a tag, but in a header it may come all the same.
    const others = fc.array(fc.tuple(fc.constantFrom('', 'W/'), opaque), { maxLength: 5 })
    fc.assert(
      fc.property(others, fc.nat(5), fc.boolean(), (list, at, has) => {
        const tags = list.map(([weak, text]) => `${weak}"${text.replaceAll(' ', '')}"`)
        if (has) tags.splice(Math.min(at, tags.length), 0, etag)
        expect(ask(tags.join(' , ')).statusCode).toBe(has ? 304 : 200)
      }),
    )
  })
})

describe('a tag', () => {
  it('is strong, in quotes, and of the bytes alone', () => {
    expect(content.etag).toMatch(/^"[\w-]{43}"$/)
    expect(tagBody('{"a":1}')).toEqual(content)
    expect(tagBody('{"a":2}').etag).not.toBe(content.etag)
  })
})
