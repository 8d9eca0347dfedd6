"""POST /api/auth/{login,refresh,logout}: the three routes that need no bearer token."""

from typing import Annotated

from fastapi import APIRouter, Cookie, Header, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from kyros.auth.api.address import address_of
from kyros.auth.errors import SessionEnded
from kyros.auth.model import Role, Transport
from kyros.auth.service import Sessions
from kyros.auth.service.sessions import Presented, SignedIn

COOKIE = "kyros_refresh"

FromCookie = Annotated[str | None, Cookie(alias=COOKIE, max_length=200)]
Csrf = Annotated[
    str | None, Header(alias="X-CSRF-Token", max_length=200, description="`csrf_token`, beside the cookie.")
]


class LoginRequest(BaseModel):
    """`transport` is cookie for browsers, body for everybody else."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=200)
    password: str = Field(min_length=1, max_length=1_000, repr=False)
    transport: Transport = Transport.COOKIE


class RefreshRequest(BaseModel):
    """Left out where the cookie brings the token."""

    model_config = ConfigDict(extra="forbid")

    refresh_token: str | None = Field(None, min_length=1, max_length=200, repr=False)


class SignedInView(BaseModel):
    """Of `refresh_token` and `csrf_token` one is null: the cookie has the one, the body needs no other."""

    access_token: str
    token_type: str
    expires_in: int = Field(description="Seconds.")
    refresh_token: str | None
    csrf_token: str | None
    name: str
    display_name: str
    role: Role | None


class Done(BaseModel):
    ok: bool


def add_sign_in(router: APIRouter, sessions: Sessions) -> None:
    @router.post("/login")
    async def login(body: LoginRequest, request: Request, response: Response) -> SignedInView:
        """Sign in with name and password."""
        name, address = body.name.strip().lower(), address_of(request.scope)
        signed_in = await sessions.sign_in(name, body.password, body.transport, address)
        return _carry(signed_in, request, response)

    @router.post("/refresh")
    async def refresh(
        request: Request,
        response: Response,
        body: RefreshRequest | None = None,
        cookie: FromCookie = None,
        csrf: Csrf = None,
    ) -> SignedInView:
        """The next access token, and the next refresh token in place of this one."""
        presented = _presented(body, cookie, csrf)
        if presented is None:
            raise SessionEnded("There is no refresh token in the cookie or the body: sign in.")
        return _carry(await sessions.refresh(presented), request, response)

    @router.post("/logout")
    async def logout(
        request: Request,
        response: Response,
        body: RefreshRequest | None = None,
        cookie: FromCookie = None,
        csrf: Csrf = None,
    ) -> Done:
        """End the session in every tab; one that is over already is fine."""
        presented = _presented(body, cookie, csrf)
        if presented is not None:
            await sessions.sign_out(presented)
        if cookie is not None:
            response.delete_cookie(COOKIE, path=_cookie_path(request))
        return Done(ok=True)


def _presented(body: RefreshRequest | None, cookie: str | None, csrf: str | None) -> Presented | None:
    """The body goes before the cookie, which a browser sends along unasked."""
    if body is not None and body.refresh_token is not None:
        return Presented(body.refresh_token, Transport.BODY)
    return Presented(cookie, Transport.COOKIE, csrf) if cookie else None


def _carry(signed_in: SignedIn, request: Request, response: Response) -> SignedInView:
    response.headers["Cache-Control"] = "no-store"
    by_cookie = signed_in.transport is Transport.COOKIE
    if by_cookie:
        response.set_cookie(
            COOKIE,
            signed_in.refresh_token,
            max_age=signed_in.refresh_seconds,
            path=_cookie_path(request),
            secure=request.url.scheme == "https",
            httponly=True,
            samesite="strict",
        )
    person = signed_in.person
    return SignedInView(
        access_token=signed_in.access_token,
        token_type="Bearer",  # noqa: S106  # the name of a scheme
        expires_in=signed_in.expires_in_seconds,
        refresh_token=None if by_cookie else signed_in.refresh_token,
        csrf_token=signed_in.csrf_token if by_cookie else None,
        name=person.name,
        display_name=person.display_name,
        role=person.role,
    )


def _cookie_path(request: Request) -> str:
    """Below the prefix a proxy may have put in front of us."""
    return f"{request.scope.get('root_path', '').rstrip('/')}/api/auth"
