//! What is said of one endpoint beside what the table of endpoints says: what it takes, what it answers, and which
//! codes are its own.

use utoipa::{
    IntoParams, ToSchema,
    openapi::{
        Content, RefOr, Required,
        path::{Parameter, ParameterBuilder, ParameterIn},
        request_body::{RequestBody, RequestBodyBuilder},
        schema::{Object, Ref, Schema, Type},
    },
};

use super::codes::{
    Code, INVALID_REQUEST, OAUTH_INVALID_REQUEST, OAUTH_TOO_LARGE, OF_OWNERS, PAYLOAD_TOO_LARGE,
    UNSUPPORTED_MEDIA_TYPE,
};
use crate::http::endpoints::HttpMethod;

pub const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

/// The schemas of a document, by their names.
pub type Schemas = Vec<(String, RefOr<Schema>)>;

/// An endpoint in words and types.
pub struct Described {
    /// Its name in generated clients.
    pub id: &'static str,
    pub method: HttpMethod,
    pub path: &'static str,
    pub summary: &'static str,
    pub text: Option<&'static str>,
    pub parameters: Vec<Parameter>,
    pub body: Option<RequestBody>,
    pub answers: Vec<GoodAnswer>,
    pub codes: Vec<Code>,
    /// Beside what the table asks for, or instead of it: nothing at all, or an app's secret.
    pub app_may_prove_itself: bool,
    /// Beside nothing at all: the access token, or the cookie in its place.
    pub owner_may_show_token: bool,
    pub schemas: Schemas,
}

/// An answer that is no error.
pub struct GoodAnswer {
    pub status: u16,
    pub text: &'static str,
    /// Its media type, and what it is made of as far as JSON says it; `None` = there is no body.
    pub body: Option<(&'static str, Option<RefOr<Schema>>)>,
    /// Of those that the document knows.
    pub headers: &'static [&'static str],
}

/// A text, whatever is in it.
pub fn text() -> RefOr<Schema> {
    Object::with_type(Type::String).into()
}

/// A type by its name, with all that it refers to.
pub fn named<T: ToSchema>(schemas: &mut Schemas) -> RefOr<Schema> {
    schemas.push((T::name().into_owned(), T::schema()));
    T::schemas(schemas);
    Ref::from_schema_name(T::name()).into()
}

impl Described {
    pub const fn of(id: &'static str, method: HttpMethod, path: &'static str, summary: &'static str) -> Self {
        Self {
            id,
            method,
            path,
            summary,
            text: None,
            parameters: Vec::new(),
            body: None,
            answers: Vec::new(),
            codes: Vec::new(),
            app_may_prove_itself: false,
            owner_may_show_token: false,
            schemas: Vec::new(),
        }
    }

    /// More than fits the summary.
    pub const fn told(mut self, text: &'static str) -> Self {
        self.text = Some(text);
        self
    }

    /// A JSON body that must be there.
    pub fn takes<T: ToSchema>(self) -> Self {
        self.body::<T>(JSON, true).may(&[INVALID_REQUEST, PAYLOAD_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE])
    }

    /// A JSON body that may be left out.
    pub fn may_take<T: ToSchema>(self) -> Self {
        self.body::<T>(JSON, false).may(&[INVALID_REQUEST, PAYLOAD_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE])
    }

    /// A form, as OAuth has it.
    pub fn takes_form<T: ToSchema>(self) -> Self {
        self.body::<T>(FORM, true).may(&[OAUTH_INVALID_REQUEST, OAUTH_TOO_LARGE])
    }

    fn body<T: ToSchema>(mut self, media: &'static str, is_required: bool) -> Self {
        let content = Content::new(Some(named::<T>(&mut self.schemas)));
        let required = if is_required { Required::True } else { Required::False };
        self.body = Some(RequestBodyBuilder::new().content(media, content).required(Some(required)).build());
        self
    }

    /// Parameters in the query.
    pub fn asks<T: IntoParams>(mut self) -> Self {
        self.parameters.extend(T::into_params(|| Some(ParameterIn::Query)));
        self.may(&[INVALID_REQUEST])
    }

    /// A request header.
    pub fn header(mut self, name: &'static str, required: Required, text: &'static str) -> Self {
        let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Header);
        let schema = Object::with_type(Type::String);
        let parameter = parameter.required(required).description(Some(text)).schema(Some(schema));
        self.parameters.push(parameter.build());
        self
    }

    /// A proof that the client has a key.
    pub fn may_prove_key(self) -> Self {
        let text = "A proof of a key, made for this request (RFC 9449). At a sign-in it binds the session to the \
                    key; from then on each refresh takes one by it. Of those that are refused the problem says \
                    `reason` `proof`.";
        self.header("DPoP", Required::False, text)
    }

    /// An answer of JSON.
    pub fn answers<T: ToSchema>(mut self, status: u16, text: &'static str) -> Self {
        let schema = named::<T>(&mut self.schemas);
        self.answers_with(status, text, JSON, schema)
    }

    pub fn answers_with(
        mut self,
        status: u16,
        text: &'static str,
        media: &'static str,
        schema: RefOr<Schema>,
    ) -> Self {
        self.answers.push(GoodAnswer { status, text, body: Some((media, Some(schema))), headers: &[] });
        self
    }

    /// An answer of events without an end, each of which is a text of its own.
    pub fn streams(mut self, status: u16, text: &'static str) -> Self {
        let body = Some(("text/event-stream", None));
        self.answers.push(GoodAnswer { status, text, body, headers: &[] });
        self
    }

    /// An answer without a body.
    pub fn answers_nothing(mut self, status: u16, text: &'static str) -> Self {
        self.answers.push(GoodAnswer { status, text, body: None, headers: &[] });
        self
    }

    /// Headers of the last answer.
    pub fn with_headers(mut self, names: &'static [&'static str]) -> Self {
        if let Some(answered) = self.answers.last_mut() {
            answered.headers = names;
        }
        self
    }

    /// Codes of its own.
    pub fn may(mut self, codes: &[Code]) -> Self {
        self.codes.extend_from_slice(codes);
        self
    }

    /// For some of what it takes, its owner shows a token.
    pub fn or_owner(mut self) -> Self {
        self.owner_may_show_token = true;
        self.may(&OF_OWNERS)
    }

    /// An app with a secret shows it here.
    pub const fn or_app(mut self) -> Self {
        self.app_may_prove_itself = true;
        self
    }
}
