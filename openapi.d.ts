// Written by `npm run openapi` from the schemas that validate. Do not edit: a test compares it.

export interface paths {
  "/verify": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never }
    get?: never
    put?: never
    /** Send a document */
    post: {
      parameters: {
        query?: never
        header?: {
          /** Up to 128 of `A-Z a-z 0-9 _ . : / + = @ -`; it comes back, and goes along into logs, row and events */
          "X-Request-ID"?: string
          /** 1 to 255 characters of visible ASCII, in quotes or without. The same key with the same request within 24 hours: the same answer, and nothing is done twice. Of this caller and route alone */
          "Idempotency-Key"?: string
        }
        path?: never
        cookie?: never
      }
      requestBody: {
        content: {
          "application/json": components['schemas']["VerificationRequest"]
        }
      }
      responses: {
        202: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** The path of the verification */
            "Location": string
            /** What is left of the caller's budget */
            "RateLimit"?: string
            /** The budget of a caller, and its window in seconds */
            "RateLimit-Policy"?: string
          }
          content: {
            "application/json": components['schemas']["Accepted"]
          }
        }
        400: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        401: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
            /** What is expected (RFC 6750, 3) */
            "WWW-Authenticate"?: string
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        403: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        409: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
            /** Seconds until the same may be sent again */
            "Retry-After": string
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        413: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID"?: string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
            "application/json": components['schemas']["PlatformMessage"]
          }
        }
        415: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        422: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        429: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
            /** Seconds until the same may be sent again */
            "Retry-After": string
            /** What is left of the caller's budget */
            "RateLimit"?: string
            /** The budget of a caller, and its window in seconds */
            "RateLimit-Policy"?: string
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        500: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        503: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
            /** Seconds until the same may be sent again */
            "Retry-After": string
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
      }
    }
    delete?: never
    options?: never
    head?: never
    patch?: never
    trace?: never
  }
  "/verify/uploads": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never }
    get?: never
    put?: never
    /** Ask where to upload a document */
    post: {
      parameters: {
        query?: never
        header?: {
          /** Up to 128 of `A-Z a-z 0-9 _ . : / + = @ -`; it comes back, and goes along into logs, row and events */
          "X-Request-ID"?: string
          /** 1 to 255 characters of visible ASCII, in quotes or without. The same key with the same request within 24 hours: the same answer, and nothing is done twice. Of this caller and route alone */
          "Idempotency-Key"?: string
        }
        path?: never
        cookie?: never
      }
      requestBody: {
        content: {
          "application/json": components['schemas']["UploadRequest"]
        }
      }
      responses: {
        202: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** The path of the verification */
            "Location": string
            /** What is left of the caller's budget */
            "RateLimit"?: string
            /** The budget of a caller, and its window in seconds */
            "RateLimit-Policy"?: string
          }
          content: {
            "application/json": components['schemas']["UploadAccepted"]
          }
        }
        400: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        401: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
            /** What is expected (RFC 6750, 3) */
            "WWW-Authenticate"?: string
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        403: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        409: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
            /** Seconds until the same may be sent again */
            "Retry-After": string
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        413: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID"?: string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
            "application/json": components['schemas']["PlatformMessage"]
          }
        }
        422: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        429: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
            /** Seconds until the same may be sent again */
            "Retry-After": string
            /** What is left of the caller's budget */
            "RateLimit"?: string
            /** The budget of a caller, and its window in seconds */
            "RateLimit-Policy"?: string
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        500: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        503: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
            /** Seconds until the same may be sent again */
            "Retry-After": string
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
      }
    }
    delete?: never
    options?: never
    head?: never
    patch?: never
    trace?: never
  }
  "/verify/{verification_id}": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never }
    /** Read a verification */
    get: {
      parameters: {
        query?: never
        header?: {
          /** Up to 128 of `A-Z a-z 0-9 _ . : / + = @ -`; it comes back, and goes along into logs, row and events */
          "X-Request-ID"?: string
          /** The `ETag` of what you have */
          "If-None-Match"?: string
        }
        path: {
          /** A UUID that `POST` answered with */
          "verification_id": string
        }
        cookie?: never
      }
      requestBody?: never
      responses: {
        200: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Another one when the content is another */
            "ETag": string
            /** Yours to keep: what never changes for 300 seconds; else ask each time whether it is still the same */
            "Cache-Control": "private, max-age=300" | "private, no-cache"
            /** Keep it for this token alone */
            "Vary": string
          }
          content: {
            "application/json": components['schemas']["Verification"]
          }
        }
        304: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Another one when the content is another */
            "ETag": string
            /** Yours to keep: what never changes for 300 seconds; else ask each time whether it is still the same */
            "Cache-Control": "private, max-age=300" | "private, no-cache"
            /** Keep it for this token alone */
            "Vary": string
          }
          content?: never
        }
        400: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        401: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
            /** What is expected (RFC 6750, 3) */
            "WWW-Authenticate"?: string
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        403: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        404: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        429: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
            /** Seconds until the same may be sent again */
            "Retry-After": string
            /** What is left of the caller's budget */
            "RateLimit"?: string
            /** The budget of a caller, and its window in seconds */
            "RateLimit-Policy"?: string
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        500: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        503: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
            /** Seconds until the same may be sent again */
            "Retry-After": string
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
      }
    }
    put?: never
    post?: never
    delete?: never
    options?: never
    head?: never
    patch?: never
    trace?: never
  }
  "/verify/{verification_id}/document": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never }
    get?: never
    put?: never
    post?: never
    /** Erase the document */
    delete: {
      parameters: {
        query?: never
        header?: {
          /** Up to 128 of `A-Z a-z 0-9 _ . : / + = @ -`; it comes back, and goes along into logs, row and events */
          "X-Request-ID"?: string
        }
        path: {
          /** A UUID that `POST` answered with */
          "verification_id": string
        }
        cookie?: never
      }
      requestBody?: never
      responses: {
        204: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
          }
          content?: never
        }
        400: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        401: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
            /** What is expected (RFC 6750, 3) */
            "WWW-Authenticate"?: string
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        403: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        404: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        409: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
            /** Seconds until the same may be sent again */
            "Retry-After"?: string
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        429: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
            /** Seconds until the same may be sent again */
            "Retry-After": string
            /** What is left of the caller's budget */
            "RateLimit"?: string
            /** The budget of a caller, and its window in seconds */
            "RateLimit-Policy"?: string
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        500: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        503: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
            /** Seconds until the same may be sent again */
            "Retry-After": string
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
      }
    }
    options?: never
    head?: never
    patch?: never
    trace?: never
  }
  "/verify/{verification_id}/legal-hold": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never }
    get?: never
    /** Keep the document */
    put: {
      parameters: {
        query?: never
        header?: {
          /** Up to 128 of `A-Z a-z 0-9 _ . : / + = @ -`; it comes back, and goes along into logs, row and events */
          "X-Request-ID"?: string
        }
        path: {
          /** A UUID that `POST` answered with */
          "verification_id": string
        }
        cookie?: never
      }
      requestBody?: never
      responses: {
        204: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
          }
          content?: never
        }
        400: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        401: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
            /** What is expected (RFC 6750, 3) */
            "WWW-Authenticate"?: string
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        403: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        404: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        409: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
            /** Seconds until the same may be sent again */
            "Retry-After"?: string
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        429: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
            /** Seconds until the same may be sent again */
            "Retry-After": string
            /** What is left of the caller's budget */
            "RateLimit"?: string
            /** The budget of a caller, and its window in seconds */
            "RateLimit-Policy"?: string
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        500: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        503: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
            /** Seconds until the same may be sent again */
            "Retry-After": string
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
      }
    }
    post?: never
    /** Keep the document no longer */
    delete: {
      parameters: {
        query?: never
        header?: {
          /** Up to 128 of `A-Z a-z 0-9 _ . : / + = @ -`; it comes back, and goes along into logs, row and events */
          "X-Request-ID"?: string
        }
        path: {
          /** A UUID that `POST` answered with */
          "verification_id": string
        }
        cookie?: never
      }
      requestBody?: never
      responses: {
        204: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
          }
          content?: never
        }
        400: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        401: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
            /** What is expected (RFC 6750, 3) */
            "WWW-Authenticate"?: string
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        403: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        404: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        409: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
            /** Seconds until the same may be sent again */
            "Retry-After"?: string
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        429: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
            /** Seconds until the same may be sent again */
            "Retry-After": string
            /** What is left of the caller's budget */
            "RateLimit"?: string
            /** The budget of a caller, and its window in seconds */
            "RateLimit-Policy"?: string
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        500: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        503: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
            /** Seconds until the same may be sent again */
            "Retry-After": string
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
      }
    }
    options?: never
    head?: never
    patch?: never
    trace?: never
  }
  "/wallet/{user_id}": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never }
    /** Read wallets */
    get: {
      parameters: {
        query?: {
          /** Its name, in any case */
          "network"?: "ethereum" | "bitcoin" | "tron"
          /** Of the network; absent: the network's first. Not without a network */
          "address_type"?: "eip55" | "p2pkh" | "p2sh-p2wpkh" | "p2wpkh" | "p2tr" | "base58check"
        }
        header?: {
          /** Up to 128 of `A-Z a-z 0-9 _ . : / + = @ -`; it comes back, and goes along into logs, row and events */
          "X-Request-ID"?: string
          /** The `ETag` of what you have */
          "If-None-Match"?: string
        }
        path: {
          /** Whose it is, in your words: 1 to 255 code points without control characters, compared byte by byte */
          "user_id": string
        }
        cookie?: never
      }
      requestBody?: never
      responses: {
        200: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Another one when the content is another */
            "ETag": string
            /** Yours to keep: what never changes for 300 seconds; else ask each time whether it is still the same */
            "Cache-Control": "private, max-age=300" | "private, no-cache"
            /** Keep it for this token alone */
            "Vary": string
          }
          content: {
            "application/json": components['schemas']["Wallets"] | components['schemas']["Wallet"]
          }
        }
        304: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Another one when the content is another */
            "ETag": string
            /** Yours to keep: what never changes for 300 seconds; else ask each time whether it is still the same */
            "Cache-Control": "private, max-age=300" | "private, no-cache"
            /** Keep it for this token alone */
            "Vary": string
          }
          content?: never
        }
        400: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        401: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
            /** What is expected (RFC 6750, 3) */
            "WWW-Authenticate"?: string
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        403: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        404: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        422: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        429: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
            /** Seconds until the same may be sent again */
            "Retry-After": string
            /** What is left of the caller's budget */
            "RateLimit"?: string
            /** The budget of a caller, and its window in seconds */
            "RateLimit-Policy"?: string
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        500: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        503: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
            /** Seconds until the same may be sent again */
            "Retry-After": string
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
      }
    }
    put?: never
    /** Ask for a further wallet */
    post: {
      parameters: {
        query?: never
        header?: {
          /** Up to 128 of `A-Z a-z 0-9 _ . : / + = @ -`; it comes back, and goes along into logs, row and events */
          "X-Request-ID"?: string
          /** 1 to 255 characters of visible ASCII, in quotes or without. The same key with the same request within 24 hours: the same answer, and nothing is done twice. Of this caller and route alone */
          "Idempotency-Key"?: string
        }
        path: {
          /** Whose it is, in your words: 1 to 255 code points without control characters, compared byte by byte */
          "user_id": string
        }
        cookie?: never
      }
      requestBody: {
        content: {
          "application/json": components['schemas']["WalletRequest"]
        }
      }
      responses: {
        202: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** The path of the verification */
            "Location": string
            /** What is left of the caller's budget */
            "RateLimit"?: string
            /** The budget of a caller, and its window in seconds */
            "RateLimit-Policy"?: string
          }
          content: {
            "application/json": components['schemas']["Accepted"]
          }
        }
        400: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        401: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
            /** What is expected (RFC 6750, 3) */
            "WWW-Authenticate"?: string
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        403: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        404: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        409: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
            /** Seconds until the same may be sent again */
            "Retry-After": string
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        413: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID"?: string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
            "application/json": components['schemas']["PlatformMessage"]
          }
        }
        422: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        429: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
            /** Seconds until the same may be sent again */
            "Retry-After": string
            /** What is left of the caller's budget */
            "RateLimit"?: string
            /** The budget of a caller, and its window in seconds */
            "RateLimit-Policy"?: string
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        500: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        503: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
            /** Seconds until the same may be sent again */
            "Retry-After": string
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
      }
    }
    delete?: never
    options?: never
    head?: never
    patch?: never
    trace?: never
  }
  "/addresses/{address}": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never }
    /** Whose address it is */
    get: {
      parameters: {
        query?: never
        header?: {
          /** Up to 128 of `A-Z a-z 0-9 _ . : / + = @ -`; it comes back, and goes along into logs, row and events */
          "X-Request-ID"?: string
          /** The `ETag` of what you have */
          "If-None-Match"?: string
        }
        path: {
          "address": string
        }
        cookie?: never
      }
      requestBody?: never
      responses: {
        200: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Another one when the content is another */
            "ETag": string
            /** Yours to keep: what never changes for 300 seconds; else ask each time whether it is still the same */
            "Cache-Control": "private, max-age=300" | "private, no-cache"
            /** Keep it for this token alone */
            "Vary": string
          }
          content: {
            "application/json": components['schemas']["Address"]
          }
        }
        304: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Another one when the content is another */
            "ETag": string
            /** Yours to keep: what never changes for 300 seconds; else ask each time whether it is still the same */
            "Cache-Control": "private, max-age=300" | "private, no-cache"
            /** Keep it for this token alone */
            "Vary": string
          }
          content?: never
        }
        400: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        401: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
            /** What is expected (RFC 6750, 3) */
            "WWW-Authenticate"?: string
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        403: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        404: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        422: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        429: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
            /** Seconds until the same may be sent again */
            "Retry-After": string
            /** What is left of the caller's budget */
            "RateLimit"?: string
            /** The budget of a caller, and its window in seconds */
            "RateLimit-Policy"?: string
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        500: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        503: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
            /** Seconds until the same may be sent again */
            "Retry-After": string
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
      }
    }
    put?: never
    post?: never
    delete?: never
    options?: never
    head?: never
    patch?: never
    trace?: never
  }
  "/health": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never }
    /** Whether the service works */
    get: {
      parameters: {
        query?: never
        header?: never
        path?: never
        cookie?: never
      }
      requestBody?: never
      responses: {
        200: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
          }
          content: {
            "application/json": components['schemas']["Health"]
          }
        }
        400: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        429: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
            /** Seconds until the same may be sent again */
            "Retry-After": string
            /** What is left of the caller's budget */
            "RateLimit"?: string
            /** The budget of a caller, and its window in seconds */
            "RateLimit-Policy"?: string
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        500: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        503: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Seconds until the same may be sent again */
            "Retry-After"?: string
          }
          content: {
            "application/json": components['schemas']["Health"]
            "application/problem+json": components['schemas']["Problem"]
          }
        }
      }
    }
    put?: never
    post?: never
    delete?: never
    options?: never
    head?: never
    patch?: never
    trace?: never
  }
  "/health/checks": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never }
    /** Which part works */
    get: {
      parameters: {
        query?: never
        header?: {
          /** Up to 128 of `A-Z a-z 0-9 _ . : / + = @ -`; it comes back, and goes along into logs, row and events */
          "X-Request-ID"?: string
        }
        path?: never
        cookie?: never
      }
      requestBody?: never
      responses: {
        200: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
          }
          content: {
            "application/json": components['schemas']["HealthChecks"]
          }
        }
        400: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        401: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
            /** What is expected (RFC 6750, 3) */
            "WWW-Authenticate"?: string
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        403: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        429: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
            /** Seconds until the same may be sent again */
            "Retry-After": string
            /** What is left of the caller's budget */
            "RateLimit"?: string
            /** The budget of a caller, and its window in seconds */
            "RateLimit-Policy"?: string
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        500: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        503: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Seconds until the same may be sent again */
            "Retry-After"?: string
          }
          content: {
            "application/json": components['schemas']["HealthChecks"]
            "application/problem+json": components['schemas']["Problem"]
          }
        }
      }
    }
    put?: never
    post?: never
    delete?: never
    options?: never
    head?: never
    patch?: never
    trace?: never
  }
  "/openapi.json": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never }
    /** Read this document */
    get: {
      parameters: {
        query?: never
        header?: {
          /** The `ETag` of what you have */
          "If-None-Match"?: string
        }
        path?: never
        cookie?: never
      }
      requestBody?: never
      responses: {
        200: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Another one when the content is another */
            "ETag": string
            /** Keep it, and ask each time whether it is still the same */
            "Cache-Control": string
          }
          content: {
            "application/json": {
              "openapi": string
              [name: string]: unknown
            }
          }
        }
        304: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Another one when the content is another */
            "ETag": string
            /** Keep it, and ask each time whether it is still the same */
            "Cache-Control": string
          }
          content?: never
        }
        400: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        403: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        429: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
            /** Seconds until the same may be sent again */
            "Retry-After": string
            /** What is left of the caller's budget */
            "RateLimit"?: string
            /** The budget of a caller, and its window in seconds */
            "RateLimit-Policy"?: string
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        500: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        503: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
            /** Seconds until the same may be sent again */
            "Retry-After": string
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
      }
    }
    put?: never
    post?: never
    delete?: never
    options?: never
    head?: never
    patch?: never
    trace?: never
  }
  "/api/docs": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never }
    /** Open this page */
    get: {
      parameters: {
        query?: never
        header?: {
          /** The `ETag` of what you have */
          "If-None-Match"?: string
        }
        path?: never
        cookie?: never
      }
      requestBody?: never
      responses: {
        200: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Another one when the content is another */
            "ETag": string
            /** Keep it, and ask each time whether it is still the same */
            "Cache-Control": string
          }
          content: {
            "text/html; charset=utf-8": string
          }
        }
        304: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Another one when the content is another */
            "ETag": string
            /** Keep it, and ask each time whether it is still the same */
            "Cache-Control": string
          }
          content?: never
        }
        400: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        403: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        429: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
            /** Seconds until the same may be sent again */
            "Retry-After": string
            /** What is left of the caller's budget */
            "RateLimit"?: string
            /** The budget of a caller, and its window in seconds */
            "RateLimit-Policy"?: string
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        500: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
        503: {
          headers: {
            /** Taken from the request, or made */
            "X-Request-ID": string
            /** Seconds that the function took; absent where the gateway answers by itself */
            "X-Process-Time"?: string
            /** Do not keep it */
            "Cache-Control"?: "no-store"
            /** Seconds until the same may be sent again */
            "Retry-After": string
          }
          content: {
            "application/problem+json": components['schemas']["Problem"]
          }
        }
      }
    }
    put?: never
    post?: never
    delete?: never
    options?: never
    head?: never
    patch?: never
    trace?: never
  }
}

export interface components {
  schemas: {
    VerificationRequest: {
      /** Whose it is, in your words: 1 to 255 code points without control characters, compared byte by byte */
      "user_id": string
      /** Its name, in any case */
      "network": "ethereum" | "bitcoin" | "tron"
      /** A JPG, PNG or PDF in base64, at most 4 MiB decoded, or less where the stage says so */
      "document": string
      /** Absent: the network's first. A type is never paired with another network */
      "address_type"?: "eip55" | "p2pkh" | "p2sh-p2wpkh" | "p2wpkh" | "p2tr" | "base58check"
    }
    UploadRequest: {
      /** Whose it is, in your words: 1 to 255 code points without control characters, compared byte by byte */
      "user_id": string
      /** Its name, in any case */
      "network": "ethereum" | "bitcoin" | "tron"
      /** The `Content-Type` of the upload */
      "content_type": "image/jpeg" | "image/png" | "application/pdf"
      /** Bytes of the document: exactly so many are taken, at most 10 MiB, or less where the stage says so */
      "size": number
      /** Absent: the network's first. A type is never paired with another network */
      "address_type"?: "eip55" | "p2pkh" | "p2sh-p2wpkh" | "p2wpkh" | "p2tr" | "base58check"
    }
    WalletRequest: {
      /** Its name, in any case */
      "network": "ethereum" | "bitcoin" | "tron"
      /** Absent: the network's first. A type is never paired with another network */
      "address_type"?: "eip55" | "p2pkh" | "p2sh-p2wpkh" | "p2wpkh" | "p2tr" | "base58check"
    }
    /** The verification that answers this request */
    Accepted: {
      /** For people */
      "message": string
      "verification_id": string
      "status": "pending" | "processing" | "verified" | "rejected" | "expired"
    }
    /** An error, as problem details (RFC 9457) */
    Problem: {
      /** Names the kind of error; identifies, and leads nowhere */
      "type": string
      /** The name of the HTTP status */
      "title": string
      /** The HTTP status */
      "status": number
      /** For people: what was expected and what was got; of a 5xx never why */
      "detail": string
      /** For programs: stable. New ones may be added */
      "code": string
      /** As in the header `X-Request-ID` */
      "request_id": string
      /** Every field that is missing or wrong */
      "issues"?: ({
        /** The field */
        "path": string
        "message": string
      })[]
    }
    /** What the platform itself says, above 6 MB */
    PlatformMessage: {
      "message": string
    }
    /** The verification that answers this request, and where its document goes */
    UploadAccepted: {
      /** For people */
      "message": string
      "verification_id": string
      "status": "pending" | "processing" | "verified" | "rejected" | "expired"
      /** Where to upload the document; absent when none is awaited */
      "upload"?: {
        "url": string
        /** Send them as they are, as multipart/form-data, and the document as the last field, `file` */
        "fields": {
          [name: string]: string
        }
        /** UTC; after that, ask again */
        "expires_at": string
      }
    }
    /** What is known of a verification */
    Verification: {
      "verification_id": string
      "user_id": string
      "network": "ethereum" | "bitcoin" | "tron"
      "address_type": "eip55" | "p2pkh" | "p2sh-p2wpkh" | "p2wpkh" | "p2tr" | "base58check"
      "status": "pending" | "processing" | "verified" | "rejected" | "expired"
      /** The verification that answers for this upload: of the same document, or passed before. Else null */
      "duplicate_of": string | null
      /** Which upload of this document it is, from 1 */
      "attempt": number
      /** Why it was rejected; else empty */
      "reasons": ({
        /** For programs: stable */
        "code": string
        /** For people: what is wrong and what to do */
        "message": string
        /** Whether the same bytes may be sent again */
        "retry": boolean
      })[]
      /** How the verdict on this attempt came about; null where no inspection led to it */
      "inspection": {
        /** Of the rules that it was inspected by */
        "rules_version": string
        /** UTC */
        "checked_at": string
        /** What was asked of the document, in order */
        "checks": ({
          "check": string
          /** `skipped`: one that it relies on had failed */
          "outcome": "passed" | "failed" | "skipped"
          "milliseconds": number
        })[]
      } | null
      /** What there is of the document that it stands on, which may be that of an earlier verification of the user: an encrypted clean copy, or none any more, or none at all */
      "document": "kept" | "erased" | "none"
      /** UTC */
      "created_at": string
      /** UTC; null while it is not verified */
      "verified_at": string | null
    }
    /** All wallets of a user */
    Wallets: {
      "user_id": string
      "wallets": (components['schemas']["Wallet"])[]
    }
    /** An issued deposit address */
    Wallet: {
      "user_id": string
      "network": "ethereum" | "bitcoin" | "tron"
      "wallet_address": string
      "address_type": "eip55" | "p2pkh" | "p2sh-p2wpkh" | "p2wpkh" | "p2tr" | "base58check"
      /** With the mnemonic it restores the address, in any tool that takes a path */
      "derivation_path": string
      /** UTC */
      "created_at": string
    }
    /** An issued address, and whose it is */
    Address: {
      /** As it was issued, whatever case was asked for */
      "address": string
      "network": "ethereum" | "bitcoin" | "tron"
      "address_type": "eip55" | "p2pkh" | "p2sh-p2wpkh" | "p2wpkh" | "p2tr" | "base58check"
      "user_id": string
      /** With the mnemonic it restores the address, in any tool that takes a path */
      "derivation_path": string
      /** UTC */
      "created_at": string
    }
    /** Whether the service works */
    Health: {
      "status": "ok" | "failing"
    }
    /** Whether the service works, part by part */
    HealthChecks: {
      "status": "ok" | "failing"
      /** `unknown`: nobody looked within the last 10 minutes, which fails nothing */
      "checks": {
        "database": "ok" | "failing" | "unknown"
        "kafka": "ok" | "failing" | "unknown"
        "vault": "ok" | "failing" | "unknown"
        "documents": "ok" | "failing" | "unknown"
      }
    }
  }
}
